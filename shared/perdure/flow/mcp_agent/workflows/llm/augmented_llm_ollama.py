"""The name that programs with models of Ollama attach."""

from perdure.flow.mcp_agent.workflows.llm.augmented_llm import AugmentedLLM

__all__ = ["OllamaAugmentedLLM"]


class OllamaAugmentedLLM(AugmentedLLM):
    """A name for ``attach_llm``; it does not choose the model."""
