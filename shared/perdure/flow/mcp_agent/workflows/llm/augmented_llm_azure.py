"""The name that programs with models of Azure attach."""

from perdure.flow.mcp_agent.workflows.llm.augmented_llm import AugmentedLLM

__all__ = ["AzureAugmentedLLM"]


class AzureAugmentedLLM(AugmentedLLM):
    """A name for ``attach_llm``; it does not choose the model."""
