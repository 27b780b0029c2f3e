"""The name that programs with models of OpenAI attach."""

from perdure.flow.mcp_agent.workflows.llm.augmented_llm import AugmentedLLM

__all__ = ["OpenAIAugmentedLLM"]


class OpenAIAugmentedLLM(AugmentedLLM):
    """A name for ``attach_llm``; it does not choose the model."""
