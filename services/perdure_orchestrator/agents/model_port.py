"""The interface through which a step reaches models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pydantic_ai.models import Model
    from pydantic_ai.settings import ModelSettings

__all__ = ["ModelPort"]


class ModelPort(Protocol):
    """Finds models by name."""

    def named(self, name: str | None) -> Model:
        """Return the model, the configured one by default.

        Raises:
            UnknownModel: It cannot be used; the message gives the reason.
        """

    async def was_replaced(self, name: str | None, model: Model) -> bool:
        """Return whether the name stands for another model now, as its key has changed since that one read it."""

    async def close(self) -> None:
        """Close the providers' connections."""

    def redact(self, text: str) -> str:
        """Return the text with every provider key masked."""

    def settings(self) -> ModelSettings:
        """Return the settings that every request is sent with."""
