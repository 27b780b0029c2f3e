"""The models that agents may name. Each is created once, and its client belongs to the worker."""

from __future__ import annotations

import inspect
import os
import re
import sys
from contextlib import suppress
from datetime import timedelta
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from perdure.config.secrets import read_secret
from perdure.config.settings import LlmSettings, ProviderSettings
from perdure.errors import PerdureError, SetupError
from perdure.values.nearest import nearest
from perdure_orchestrator.agents.redaction import Redactor

if TYPE_CHECKING:
    from pydantic_ai.models import Model
    from pydantic_ai.providers import Provider
    from pydantic_ai.settings import ModelSettings

__all__ = ["Models", "UnknownModel"]

_OFFLINE_MODULES: Final = ("perdure_offline", "markdown_it", "nupunkt", "stop_words", "vader")

_KEY_VARIABLE: Final = re.compile("`([A-Z_]+_(?:KEY|TOKEN))`")  # in the error of a provider without a key

_ANY_KEY_VARIABLE: Final = re.compile(r"\b[A-Z][A-Z0-9_]*_(?:KEY|TOKEN)\b")

_PROVIDER_EXTRAS: Final = {"openai", "anthropic", "google"}  # each has the name of the package that it brings


class UnknownModel(PerdureError):
    """The model is unknown, or lacks a package or a key: not retried."""


class Models:
    """Finds models by name. A provider's key is read on first use, and sent to that provider only."""

    def __init__(self, settings: LlmSettings, redactor: Redactor | None = None) -> None:
        self._settings = settings
        self._models: dict[str, Model] = {}
        self._keys: dict[str, str | None] = {}  # by model, as they were read for it
        self._replaced: dict[str, Model] = {}  # the one before, of each name
        self._redactor = redactor or Redactor()

    def names(self, wanted: str | tuple[str, ...] | None = None) -> tuple[str, ...]:
        """Return the names of the models to ask, the first one first; by default the configured ones."""
        names = wanted or self._settings.model
        return (names,) if isinstance(names, str) else names

    def named(self, name: str) -> Model:
        """Return the model.

        Raises:
            UnknownModel: It cannot be used; the message gives the reason.
        """
        if name not in self._models:
            self._models[name] = self._create(name)
            self._keys[name] = self._configured_key(name)
            for key in _keys_of_sdk(name.partition(":")[0]):
                self._redactor.add(key)
        return self._models[name]

    async def was_replaced(self, name: str, model: Model) -> bool:
        """Return whether the name stands for another model now, as its key has changed since that one read it.

        Requests that are under way keep the client with the former key; it is closed when the next one is replaced.
        """
        if self._models.get(name) is model and self._configured_key(name) != self._keys[name]:
            del self._models[name]
            before, self._replaced[name] = self._replaced.get(name), model
            if before is not None:
                await _close(before)
        return self._models.get(name) is not model

    def check(self) -> None:
        """Find out whether the configured models can be used, without a request to them.

        Raises:
            UnknownModel: One cannot be used; the message gives the reason.
        """
        for name in self.names():
            if name == "offline":
                _require_offline()  # creating it takes half a second
            else:
                self.named(name)

    def settings(self) -> ModelSettings:
        """Return the settings of every request. The providers' clients do not retry, because Temporal does."""
        return {"max_retries": 0, "timeout": self._settings.request_timeout.total_seconds()}

    def redact(self, text: str) -> str:
        """Return the text with all keys masked: some providers repeat the key that they refuse."""
        return self._redactor.redact(text)

    async def close(self) -> None:
        """Close the providers' connections."""
        for model in [*self._models.values(), *self._replaced.values()]:
            await _close(model)
        self._models.clear()
        self._replaced.clear()

    def _create(self, name: str) -> Model:
        if name == "offline":
            return self._offline()
        from pydantic_ai.exceptions import UserError  # noqa: PLC0415 (a slow import)
        from pydantic_ai.models import infer_model  # noqa: PLC0415 (likewise)

        provider, _, model = name.partition(":")
        settings = self._settings.providers.get(provider)
        try:
            if settings is None:
                return infer_model(name)
            if settings.compatible:
                return self._compatible(provider, model, settings)
            return infer_model(name, lambda provider_name: self._provider(provider_name, settings))
        except ImportError as error:
            raise UnknownModel(f"The model {name} cannot be used: {_what_to_install(error)}") from error
        except (UserError, TypeError, ValueError) as error:  # TypeError: a provider that takes no base_url
            raise UnknownModel(f"The model {name} cannot be used: {self._reason(name, error)}") from error

    def _offline(self) -> Model:
        _require_offline()
        from perdure_offline import OfflineModel  # noqa: PLC0415 (an optional extra)

        return OfflineModel(latency=timedelta(seconds=self._settings.offline_latency_seconds))

    def _reason(self, name: str, error: Exception) -> str:
        """Return why pydantic-ai refused a model, and what to write."""
        from pydantic_ai.models import known_model_names  # noqa: PLC0415 (a slow import)
        from pydantic_ai.providers import infer_provider_class  # noqa: PLC0415 (likewise)

        provider, colon, _ = name.partition(":")
        if not colon:
            return "it names no provider: write one before it, as in openai:MODEL, or offline"
        if key := _KEY_VARIABLE.search(str(error)):
            return (
                f"it needs a key: set the variable {key[1]}, or name another one as "
                f"llm.providers.{provider}.api_key_variable"
            )
        with suppress(ImportError):  # the error itself names what to install
            try:
                infer_provider_class(provider)
            except ValueError:
                if provider in self._settings.providers:
                    advice = f"set llm.providers.{provider}.compatible to true"
                    return f"there is no provider {provider}. If its API is OpenAI's chat completions, {advice}"
                known = {*self._settings.providers, *(known.partition(":")[0] for known in known_model_names())}
                return f"there is no provider {provider}{nearest(provider, known)}"
        return str(error)

    def _provider(self, name: str, settings: ProviderSettings) -> Provider[Any]:
        from pydantic_ai.providers import infer_provider_class  # noqa: PLC0415 (a slow import)

        options: dict[str, Any] = {"api_key": self._key(name, settings), "base_url": settings.base_url}
        return infer_provider_class(name)(**{option: value for option, value in options.items() if value is not None})

    def _compatible(self, name: str, model: str, settings: ProviderSettings) -> Model:
        from pydantic_ai.models.openai import OpenAIChatModel  # noqa: PLC0415 (a slow import)
        from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider  # noqa: PLC0415 (likewise)

        if settings.base_url is None:
            raise UnknownModel(f"llm.providers.{name} needs a base_url: an OpenAI-compatible provider has no default.")
        provider = OpenAICompatibleProvider(name, base_url=settings.base_url, api_key=self._key(name, settings))
        return OpenAIChatModel(model, provider=provider)

    def _configured_key(self, name: str) -> str | None:
        provider = name.partition(":")[0]
        settings = self._settings.providers.get(provider)
        return None if settings is None else self._key(provider, settings)

    def _key(self, name: str, settings: ProviderSettings) -> str | None:
        sources = settings.api_key_file, settings.api_key_command, settings.api_key_variable
        if sources == (None, None, None):
            return None  # the provider's SDK reads its usual variable
        file, command, variable = sources
        try:
            key = read_secret(f"The key of llm.providers.{name}", file=file, command=command, variable=variable)
        except SetupError as error:
            raise UnknownModel(str(error)) from error
        return self._redactor.add(key)


async def _close(model: Model) -> None:
    async with model:  # pydantic-ai closes a provider's client when the model's context ends
        pass


def _keys_of_sdk(provider: str) -> list[str]:
    """Return the values of the variables with keys that pydantic-ai's code for a provider names."""
    from pydantic_ai.providers import infer_provider_class  # noqa: PLC0415 (a slow import)

    with suppress(ImportError, ValueError):  # a model that cannot be created says so itself
        module = sys.modules[infer_provider_class(provider).__module__]
        named = _ANY_KEY_VARIABLE.findall(inspect.getsource(module))
        return [os.environ[variable] for variable in named if variable in os.environ]
    return []


def _require_offline() -> None:
    if missing := [module for module in _OFFLINE_MODULES if find_spec(module) is None]:
        raise UnknownModel(
            f"The model offline cannot be used: {', '.join(missing)} missing: pip install 'perdure[offline]'"
        )


def _what_to_install(error: ImportError) -> str:
    """Return the extra that brings the missing package, or pydantic-ai's own advice for one that no extra brings."""
    missing = getattr(error.__cause__ or error, "name", None) or ""
    package = missing.partition(".")[0]
    if package in _PROVIDER_EXTRAS:
        return f"the package {package} is not installed: pip install 'perdure[{package}]'"
    return str(error)
