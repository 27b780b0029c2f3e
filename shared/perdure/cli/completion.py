"""Completes ids and names in the shell; without a suite there is nothing to complete.

A shell puts what completes a word on its command line as it is, where `$(…)` in a name would run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from perdure.cli.client import open_bus
from perdure.errors import PerdureError
from perdure.values.short_code import is_plain, request_word, run_word

if TYPE_CHECKING:
    from perdure.bus import NatsBus

__all__ = ["complete_request", "complete_route", "complete_run"]

_SHOWN: Final = 200  # names that a shell can show
_WITHIN: Final = 2.0  # seconds


def complete_run(incomplete: str) -> list[str]:
    """Return the ids of runs that begin with a text."""
    return _complete(incomplete, _runs)


def complete_request(incomplete: str) -> list[str]:
    """Return the ids of open requests that begin with a text."""
    return _complete(incomplete, _requests)


def complete_route(incomplete: str) -> list[str]:
    """Return the names of routes that begin with a text."""
    from perdure.config.loader import load_settings

    names: list[str] = []
    with suppress(PerdureError):
        names = [route.label for route in load_settings().routes]
    return _plain(names, incomplete)


def _complete(incomplete: str, find: Callable[[NatsBus], Coroutine[Any, Any, list[str]]]) -> list[str]:
    async def found() -> list[str]:
        async with asyncio.timeout(_WITHIN), open_bus() as bus:
            return await find(bus)

    names: list[str] = []
    with suppress(PerdureError, TimeoutError):  # a shell has no place for an error
        names = asyncio.run(found())
    return _plain(names, incomplete)[:_SHOWN]


def _plain(names: Iterable[str], incomplete: str) -> list[str]:
    return [name for name in names if name.startswith(incomplete) and is_plain(name)]


async def _runs(bus: NatsBus) -> list[str]:
    from perdure.bus.views.run_list import RunFilter, list_runs

    newest = await list_runs(bus, RunFilter(limit=_SHOWN))
    return [run_word(fact.workflow_id) for fact in newest.runs]


async def _requests(bus: NatsBus) -> list[str]:
    from perdure.bus.views.approval_index import open_requests

    return [request_word(request.request_id) for request in await open_requests(bus)]
