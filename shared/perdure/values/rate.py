"""How often something may happen, as people write it: ``10/s``, ``100/m`` or ``5/30s``."""

import re
from datetime import timedelta
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, PositiveInt, model_validator

from perdure.values.duration import Duration, parse_duration

__all__ = ["Rate"]

_WRITTEN: Final = re.compile(r"\s*(\d+)\s*/\s*(\d.*|ms|s|m|h|d)\s*")


class Rate(BaseModel):
    """At most so many in so much time, evenly spread."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    times: PositiveInt
    per: Duration

    @model_validator(mode="before")
    @classmethod
    def _read(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        written = _WRITTEN.fullmatch(value)
        if written is None:
            raise ValueError(f"{value!r} is no rate: write 10/s, 100/m or 5/30s")
        per = written[2] if written[2][0].isdigit() else f"1{written[2]}"
        return {"times": int(written[1]), "per": parse_duration(per)}

    @property
    def apart(self) -> timedelta:
        """From one to the next."""
        return self.per / self.times
