"""The name that programs with models of Bedrock attach."""

from perdure.flow.mcp_agent.workflows.llm.augmented_llm import AugmentedLLM

__all__ = ["BedrockAugmentedLLM"]


class BedrockAugmentedLLM(AugmentedLLM):
    """A name for ``attach_llm``; it does not choose the model."""
