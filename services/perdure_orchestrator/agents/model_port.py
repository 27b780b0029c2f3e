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

    def has_other_key(self, name: str | None) -> bool:
        """Return whether the key of a model has changed since it was read; then the next use reads it again."""

    async def close(self) -> None:
        """Close the providers' connections."""

    def redact(self, text: str) -> str:
        """Return the text with every provider key masked."""

    def settings(self) -> ModelSettings:
        """Return the settings that every request is sent with."""
