"""Reads the options of ``perdure admin chaos``, and refuses what does not fit together."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import typer

from perdure.chaos.plan import VICTIMS
from perdure.chaos.strike import DURATIONS

if TYPE_CHECKING:
    from perdure.config.settings import Settings

__all__ = ["check_options", "read_duration", "read_faults", "read_victims"]

_ON_RUNNING: Final = ("kill", "stall", "consumer")
"""The faults that a suite in use takes: the others need to be in place before it starts, or destroy messages."""


def read_faults(text: str) -> list[str]:
    """Read ``--faults``.

    Raises:
        typer.BadParameter: There is no such fault, or none is named.
    """
    names = _names(text)
    if names == ["all"]:
        return list(DURATIONS)
    if unknown := [name for name in names if name not in DURATIONS]:
        raise typer.BadParameter(f"there is no fault {unknown[0]!r}; there are: {', '.join(DURATIONS)}, or all")
    if not names:
        raise typer.BadParameter(f"name at least one of: {', '.join(DURATIONS)}")
    return names


def _names(text: str) -> list[str]:
    return list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))


def read_victims(text: str) -> list[str]:
    """Read ``--kill``.

    Raises:
        typer.BadParameter: There is no such part, or none is named.
    """
    victims = _names(text)
    if unknown := [name for name in victims if name not in VICTIMS]:
        raise typer.BadParameter(f"there is no {unknown[0]!r} to kill; there are: {', '.join(VICTIMS)}")
    if not victims:
        raise typer.BadParameter(f"name at least one of: {', '.join(VICTIMS)}")
    return victims


def read_duration(text: str, option: str) -> timedelta:
    """Read an option that is a duration.

    Raises:
        typer.BadParameter: It is none.
    """
    from perdure.values.duration import parse_duration

    try:
        return parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from error


def check_options(  # noqa: PLR0913 (everything that must fit together)
    settings: Settings,
    victims: Sequence[str],
    faults: Sequence[str],
    *,
    runs: bool,
    given: tuple[str | None, str | None],
    replicas: str,
) -> None:
    """Refuse options that do not fit the suite, which runs already or is to be started.

    Raises:
        typer.BadParameter: They do not fit.
    """
    from perdure.local.services import service_of
    from perdure.local.state import read_endpoints

    type_, data = given
    if not runs:
        if type_ is not None or data is not None:
            raise typer.BadParameter(f"--type and --data are for a running suite, and none runs on {settings.state}")
        return
    if own := [name for name in faults if name not in _ON_RUNNING]:
        raise typer.BadParameter(
            f"{own[0]} needs a suite of its own: use a folder without a running suite. A running one takes "
            f"{', '.join(_ON_RUNNING)}",
            param_hint="--faults",
        )
    if type_ is None or data is None:
        raise typer.BadParameter(f"a suite runs on {settings.state}: name an event with --type and --data")
    try:
        json.loads(data)
    except ValueError as error:
        raise typer.BadParameter(f"it is not JSON: {error}", param_hint="--data") from error
    if replicas:
        raise typer.BadParameter("the suite runs already: `perdure up --replicas` sets the number of its processes")
    endpoints = read_endpoints(settings.state)
    parts = {service_of(name) for name in endpoints.pids} if endpoints else set()
    if missing := [name for name in victims if "kill" in faults and name not in parts]:
        raise typer.BadParameter(f"{missing[0]} is not a process of the running suite, so it cannot be killed")
