"""How ``perdure deploy`` asks the supervisor for a rollout and follows it: by files in the state folder, and SIGHUP."""

import asyncio
import os
import secrets
import signal
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from perdure.config.replace_file import replace_file
from perdure.errors import Unavailable
from perdure.local.rollouts import Rollouts
from perdure.local.state import Endpoints, read_endpoints
from perdure.values.rollout import AnyRolloutEvent, Finished, RolloutEvent, RolloutRefused, RolloutRequest

__all__ = ["DeployRequests", "ask_and_follow", "forget_requests", "has_requests"]

_FOLDER: Final = "deploys"
_REQUEST: Final = ".request"
_EVENTS: Final = ".events"
_ID_BYTES: Final = 8
_POLL_EVERY: Final = 0.1  # seconds


class DeployRequests:
    """The supervisor's side.

    Args:
        state: The state folder.
        rollouts: Does what is asked.
        asked: Set at each SIGHUP; then there are requests, or the code that lies here shall be rolled out.
    """

    def __init__(self, state: Path, rollouts: Rollouts, asked: asyncio.Event) -> None:
        self._folder = state / _FOLDER
        self._rollouts = rollouts
        self._asked = asked

    async def serve(self) -> None:
        """Do what is asked, one rollout at a time, for ever."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            requests = _requests(self._folder)
            for file in requests:
                await self._answer(file)
            if not requests:
                await self._rollouts.roll_out(RolloutRequest())

    async def _answer(self, file: Path) -> None:
        try:
            content = file.read_bytes()
            file.unlink()
        except FileNotFoundError:  # whoever asked has gone, and took it along
            return
        with file.with_suffix(_EVENTS).open("a") as events:

            def note(event: RolloutEvent) -> None:
                events.write(f"{event.model_dump_json()}\n")
                events.flush()

            try:
                request = RolloutRequest.model_validate_json(content)
            except ValidationError as error:  # of another Perdure
                note(RolloutRefused(why=f"Nothing was changed. The suite does not know this request: {error}"))
                return
            await self._rollouts.roll_out(request, note)


def forget_requests(state: Path) -> None:
    """Remove what killed clients have left; whoever calls this holds the lock, and the suite is not published yet."""
    for suffix in (_REQUEST, _EVENTS):
        for file in (state / _FOLDER).glob(f"*{suffix}"):
            file.unlink(missing_ok=True)


def has_requests(state: Path) -> bool:
    """Return whether somebody waits for a rollout."""
    return bool(_requests(state / _FOLDER))


def _requests(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"*{_REQUEST}"))


async def ask_and_follow(state: Path, suite: Endpoints, request: RolloutRequest) -> AsyncIterator[RolloutEvent]:
    """Ask the suite that runs on a state folder for a rollout, and yield what happens up to its end.

    Raises:
        Unavailable: The suite ends meanwhile.
    """
    asked = state.resolve() / _FOLDER / f"{secrets.token_hex(_ID_BYTES)}{_REQUEST}"
    events = asked.with_suffix(_EVENTS)
    asked.parent.mkdir(exist_ok=True)
    replace_file(asked, request.model_dump_json().encode())
    try:
        with suppress(ProcessLookupError):  # it has ended at this moment, which is seen next
            os.kill(suite.pid, signal.SIGHUP)
        async for line in _lines(events, state, suite):
            yield (event := AnyRolloutEvent.validate_json(line))
            if isinstance(event, Finished | RolloutRefused):
                return
    finally:
        asked.unlink(missing_ok=True)
        events.unlink(missing_ok=True)


async def _lines(file: Path, state: Path, suite: Endpoints) -> AsyncIterator[bytes]:
    """Yield the lines of a file as they are written, for as long as the suite runs."""
    read = 0
    while True:
        runs = (now := read_endpoints(state)) is not None and now.instance == suite.instance
        content = file.read_bytes() if file.exists() else b""
        *lines, rest = content[read:].splitlines(keepends=True) or [b""]
        lines += [rest] if rest.endswith(b"\n") else []
        for line in lines:
            read += len(line)
            yield line
        if not lines and not runs:
            raise Unavailable("The suite has ended during the deploy. Start it with `perdure up`: it continues there.")
        await asyncio.sleep(_POLL_EVERY)
