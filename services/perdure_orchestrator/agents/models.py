"""The models that agents may name; clients belong to the worker and are made once."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from perdure.config.settings import LlmSettings, ProviderSettings
from perdure.errors import PerdureError
from perdure.values.nearest import nearest
from perdure_orchestrator.agents.redaction import Redactor

if TYPE_CHECKING:
    from pydantic_ai.models import Model
    from pydantic_ai.providers import Provider
    from pydantic_ai.settings import ModelSettings

__all__ = ["Models", "UnknownModel"]


class UnknownModel(PerdureError):
    """No provider knows this name, or its key is missing: trying again will not help."""


class Models:
    """Finds the model behind a name; keys are read when a model is first asked, and go nowhere but to its provider."""

    def __init__(self, settings: LlmSettings) -> None:
        self._settings = settings
        self._made: dict[str, Model] = {}
        self._keys = Redactor()

    def named(self, name: str | None) -> Model:
        """Return the model, the configured one by default.

        Raises:
            UnknownModel: There is none; the sentence says why.
        """
        name = name or self._settings.model
        if name not in self._made:
            self._made[name] = self._make(name)
        return self._made[name]

    def settings(self) -> ModelSettings:
        """Return what goes along with every request: the providers' clients do not try again, Temporal does."""
        return {"max_retries": 0, "timeout": self._settings.request_timeout.total_seconds()}

    def redact(self, text: str) -> str:
        """Return a text in which no key of the worker's occurs: some providers repeat what they refuse."""
        return self._keys.redact(text)

    async def close(self) -> None:
        """Close the providers' connections."""
        for model in self._made.values():
            async with model:  # to enter a model and leave it is how pydantic-ai closes what its provider opened
                pass
        self._made.clear()

    def _make(self, name: str) -> Model:
        if name == "offline":
            from perdure_offline import OfflineModel  # noqa: PLC0415 (brings its libraries with it)

            return OfflineModel(latency=timedelta(seconds=self._settings.offline_latency_seconds))
        from pydantic_ai.exceptions import UserError  # noqa: PLC0415 (a slow import)
        from pydantic_ai.models import infer_model  # noqa: PLC0415 (likewise)

        provider, _, model = name.partition(":")
        settings = self._settings.providers.get(provider)
        try:
            if settings is None:
                return infer_model(name)
            if settings.compatible:
                return self._compatible(provider, model, settings)
            return infer_model(name, lambda asked: self._provider(asked, settings))
        except (UserError, ImportError, TypeError, ValueError) as error:  # TypeError: a provider that takes no base_url
            raise UnknownModel(f"The model {name} cannot be used: {error}{self._hint(provider)}") from error

    def _hint(self, provider: str) -> str:
        from pydantic_ai.models import known_model_names  # noqa: PLC0415 (likewise)
        from pydantic_ai.providers import infer_provider_class  # noqa: PLC0415 (likewise)

        try:
            infer_provider_class(provider)
        except ImportError:
            return ""  # the error itself names what to install
        except ValueError:
            if provider in self._settings.providers:
                return f" If it speaks OpenAI's chat completions, set llm.providers.{provider}.compatible to true."
            known = {*self._settings.providers, *(known.partition(":")[0] for known in known_model_names())}
            return f" Is it the provider{nearest(provider, known)}"
        return ""

    def _provider(self, name: str, settings: ProviderSettings) -> Provider[Any]:
        from pydantic_ai.providers import infer_provider_class  # noqa: PLC0415 (likewise)

        options: dict[str, Any] = {"api_key": self._key(name, settings), "base_url": settings.base_url}
        return infer_provider_class(name)(**{option: value for option, value in options.items() if value is not None})

    def _compatible(self, name: str, model: str, settings: ProviderSettings) -> Model:
        from pydantic_ai.models.openai import OpenAIChatModel  # noqa: PLC0415 (likewise)
        from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider  # noqa: PLC0415 (likewise)

        if settings.base_url is None:
            raise UnknownModel(f"llm.providers.{name} needs a base_url: it is OpenAI-compatible, but where is it?")
        provider = OpenAICompatibleProvider(name, base_url=settings.base_url, api_key=self._key(name, settings))
        return OpenAIChatModel(model, provider=provider)

    def _key(self, name: str, settings: ProviderSettings) -> str | None:
        if settings.api_key_file is not None:
            try:
                key = settings.api_key_file.read_text().strip()
            except OSError as error:
                raise UnknownModel(f"llm.providers.{name}.api_key_file cannot be read: {error}") from error
        elif settings.api_key_variable is not None:
            key = os.environ.get(settings.api_key_variable, "")
        else:
            return None  # the provider's SDK looks for the variable that it always looks for
        if not key:
            where = settings.api_key_file or settings.api_key_variable
            raise UnknownModel(f"llm.providers.{name} has no key: {where} is empty.")
        return self._keys.add(key)
