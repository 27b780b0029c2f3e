"""The name that programs with models of LM Studio attach."""

from perdure.flow.mcp_agent.workflows.llm.augmented_llm import AugmentedLLM

__all__ = ["LMStudioAugmentedLLM"]


class LMStudioAugmentedLLM(AugmentedLLM):
    """A name for ``attach_llm``; it does not choose the model."""
