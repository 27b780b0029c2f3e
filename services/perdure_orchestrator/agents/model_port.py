"""The interface through which a step reaches models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pydantic_ai.models import Model
    from pydantic_ai.settings import ModelSettings

__all__ = ["ModelPort"]


class ModelPort(Protocol):
    """Finds models by name."""

    def names(self, wanted: str | tuple[str, ...] | None) -> tuple[str, ...]:
        """Return the names of the models to ask, the first one first; by default the configured ones."""

    def named(self, name: str) -> Model:
        """Return the model.

        Raises:
            UnknownModel: It cannot be used; the message gives the reason.
        """

    async def was_replaced(self, name: str, model: Model) -> bool:
        """Return whether the name stands for another model now, as its key has changed since that one read it."""

    async def close(self) -> None:
        """Close the providers' connections."""

    def redact(self, text: str) -> str:
        """Return the text with every provider key masked."""

    def settings(self) -> ModelSettings:
        """Return the settings that every request is sent with."""
