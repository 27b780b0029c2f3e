"""Names of time zones."""

from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator

__all__ = ["Timezone"]


def _existing(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(f"there is no timezone {name}; write one such as Europe/Berlin") from error
    return name


Timezone = Annotated[str, AfterValidator(_existing)]
"""The IANA name of a zone that this system knows."""
