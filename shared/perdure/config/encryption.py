"""The section ``encryption:``: the keys by which values are encrypted before Temporal has them."""

from pathlib import Path
from typing import Self

from pydantic import PositiveFloat, model_validator

from perdure.config.secret_command import SecretCommand
from perdure.config.section import Section

__all__ = ["EncryptionSettings"]


class EncryptionSettings(Section):
    """Where the key ring is; without one nothing is encrypted.

    Attributes:
        keys_file: The key ring: a key a line, as ``<id> <32 bytes in base64>``. The first one encrypts, all decrypt.
            The file is read again as it changes. ``perdure admin encryption new-key`` writes it.
        keys_command: A program, with its arguments, that prints the key ring instead, such as that of a vault.
        refresh_seconds: How often the program runs again; it runs at once for a key that is not known.
    """

    keys_file: Path | None = None
    keys_command: SecretCommand | None = None
    refresh_seconds: PositiveFloat = 60.0

    @property
    def is_on(self) -> bool:
        """Whether values are encrypted."""
        return self.keys_file is not None or self.keys_command is not None

    @model_validator(mode="after")
    def _has_one_source(self) -> Self:
        if self.keys_file is not None and self.keys_command is not None:
            raise ValueError("`keys_file` and `keys_command` exclude each other: keep one of them")
        return self
