"""What the step that asks models needs of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pydantic_ai.models import Model
    from pydantic_ai.settings import ModelSettings

__all__ = ["ModelPort"]


class ModelPort(Protocol):
    """Finds models by their names."""

    def named(self, name: str | None) -> Model:
        """Return the model, the configured one by default.

        Raises:
            UnknownModel: There is none; the sentence says why.
        """

    async def close(self) -> None:
        """Close the providers' connections."""

    def redact(self, text: str) -> str:
        """Return a text in which no key of a provider occurs."""

    def settings(self) -> ModelSettings:
        """Return what goes along with every request."""
