"""The section ``llm:``: models and their providers."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, NonNegativeFloat

from perdure.config.agents import RetrySettings
from perdure.config.secret_command import SecretCommand
from perdure.config.section import Section
from perdure.values.duration import Duration

__all__ = ["LlmSettings", "ProviderSettings"]


class ProviderSettings(Section):
    """A provider of models, by pydantic-ai's name for it or, for one that is OpenAI-compatible, by a name of your own.

    Attributes:
        base_url: Its URL, if it is not the default of its SDK.
        api_key_file: Holds its key; the key itself is never configured.
        api_key_command: Or a program that prints it, with its arguments; it runs again every minute.
        api_key_variable: Or the worker's environment variable that holds it; by default the one that its SDK reads.
        compatible: It implements OpenAI's chat completions, and pydantic-ai has no name for it.
    """

    base_url: str | None = None
    api_key_file: Path | None = None
    api_key_command: SecretCommand | None = None
    api_key_variable: str | None = None
    compatible: bool = False


class LlmSettings(Section):
    """The default model, and how models are called.

    Attributes:
        model: The model of agents that name none: any pydantic-ai model name, or ``offline``, which needs no key. Of a
            list, the next one is asked when one is down or overloaded, has no quota, or refuses its key.
        retry: How requests are retried; an agent's own policy takes precedence.
        providers: URLs and keys of providers; all others work by their SDKs' defaults.
        request_timeout: Of one request; after that it is retried.
        tool_result_bytes: A longer text of a tool is cut for the model, with a note of what is left out (UTF-8).
        offline_latency_seconds: The offline model answers immediately; this delays it, to try what happens meanwhile.
    """

    model: str | Annotated[tuple[str, ...], Field(min_length=1)] = "offline"
    offline_latency_seconds: NonNegativeFloat = 0.0
    retry: RetrySettings | None = None
    providers: dict[str, ProviderSettings] = Field(default_factory=dict)
    request_timeout: Duration = Field(default="2m", validate_default=True)
    tool_result_bytes: Annotated[int, Field(ge=8192)] = 100_000
