"""``perdure doctor`` where no suite runs: that there is none, and who holds the standard address instead."""

from typing import Final

from perdure.cli.finding import Finding
from perdure.config.addresses import NATS_URL
from perdure.config.nats import shown_url
from perdure.errors import Unavailable
from perdure.local.nats_house import nats_house

__all__ = ["absent_suite"]

_GREETS_WITHIN: Final = 2.0  # seconds


async def absent_suite(error: Unavailable, url: str = NATS_URL) -> Finding:
    """Return the finding that no suite runs here.

    Args:
        error: Its sentence.
        url: The address that a suite would have.
    """
    return Finding("suite", good=False, detail=f"{error}{await _neighbour(url)}")


async def _neighbour(url: str) -> str:
    """Return the end of a sentence on who holds the default address, if somebody does."""
    match await nats_house(url, None, within=_GREETS_WITHIN):
        case "another suite":
            return f" The NATS server at {shown_url(url)} belongs to the suite of another folder."
        case "no suite":
            return f" The NATS server at {shown_url(url)} belongs to no suite."
        case "silent":
            return f" Something listens at {shown_url(url)}, and does not answer."
        case _:
            return ""
