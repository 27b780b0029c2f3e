"""The name that programs with models of Google attach."""

from perdure.flow.mcp_agent.workflows.llm.augmented_llm import AugmentedLLM

__all__ = ["GoogleAugmentedLLM"]


class GoogleAugmentedLLM(AugmentedLLM):
    """A name for ``attach_llm``; it does not choose the model."""
