"""Rates as text: ``10/s``, ``100/m`` or ``5/30s``."""

import re
from datetime import timedelta
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, PositiveInt, model_validator

from perdure.values.duration import Duration, parse_duration

__all__ = ["Rate"]

_PATTERN: Final = re.compile(r"\s*(\d+)\s*/\s*(\d.*|ms|s|m|h|d)\s*")


class Rate(BaseModel):
    """How often something may happen, evenly spread.

    Attributes:
        times: How often.
        per: In how much time.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    times: PositiveInt
    per: Duration

    @model_validator(mode="before")
    @classmethod
    def _parse(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        match = _PATTERN.fullmatch(value)
        if match is None:
            raise ValueError(f"{value!r} is no rate: write 10/s, 100/m or 5/30s")
        per = match[2] if match[2][0].isdigit() else f"1{match[2]}"
        return {"times": int(match[1]), "per": parse_duration(per)}

    @property
    def interval(self) -> timedelta:
        """The time from one to the next."""
        return self.per / self.times
