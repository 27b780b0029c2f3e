"""The models that agents may name; clients belong to the worker and are made once."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from perdure.errors import PerdureError
from perdure.settings import LlmSettings

if TYPE_CHECKING:
    from pydantic_ai.models import Model

__all__ = ["Models", "UnknownModel"]


class UnknownModel(PerdureError):
    """No provider knows this name, or its key is missing: trying again will not help."""


class Models:
    """Finds the model behind a name."""

    def __init__(self, settings: LlmSettings) -> None:
        self._settings = settings
        self._made: dict[str, Model] = {}

    def named(self, name: str | None) -> Model:
        """Return the model, the configured one by default.

        Raises:
            UnknownModel: There is none; the sentence says why.
        """
        name = name or self._settings.model
        if name not in self._made:
            self._made[name] = self._make(name)
        return self._made[name]

    def _make(self, name: str) -> Model:
        if name == "offline":
            from perdure_orchestrator.offline import OfflineModel  # noqa: PLC0415 (brings its libraries with it)

            return OfflineModel(latency=timedelta(seconds=self._settings.offline_latency_seconds))
        from pydantic_ai.exceptions import UserError  # noqa: PLC0415 (a slow import)
        from pydantic_ai.models import infer_model  # noqa: PLC0415 (likewise)

        try:
            return infer_model(name)
        except (UserError, ImportError) as error:
            raise UnknownModel(f"The model {name} cannot be used: {error}") from error
