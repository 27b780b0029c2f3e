"""How ``perdure deploy`` asks the supervisor for a rollout and follows it: by files in the state folder, and SIGHUP."""

import asyncio
import logging
import os
import secrets
import signal
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from perdure.config.replace_file import replace_file
from perdure.errors import SetupError, Unavailable
from perdure.local.absence import ENDPOINTS
from perdure.local.rollouts import Rollouts
from perdure.local.state import Endpoints, read_endpoints
from perdure.values.rollout import AnyRolloutEvent, Finished, RolloutEvent, RolloutRefused, RolloutRequest

__all__ = ["DeployRequests", "ask_and_follow", "forget_requests", "has_requests"]

_FOLDER: Final = "deploys"
_REQUEST: Final = ".request"
_EVENTS: Final = ".events"
_ID_BYTES: Final = 8
_POLL_EVERY: Final = 0.1  # seconds

_log = logging.getLogger(__name__)


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
        written = file.with_suffix(_EVENTS)
        try:
            content = file.read_bytes()
            events = written.open("ab", buffering=0)
        except FileNotFoundError:  # whoever asked has gone, and took it along
            return
        except OSError as error:  # as of another user
            _log.warning("a deploy was asked for that cannot be read or answered: %s", error)
            with suppress(OSError):
                file.unlink()
            return
        with events:
            file.unlink(missing_ok=True)

            def note(event: RolloutEvent) -> None:
                try:
                    events.write(f"{event.model_dump_json()}\n".encode())
                except OSError as error:  # as with a full disk: whoever follows sees that there are no events any more
                    _log.warning("the course of a deploy cannot be written: %s", error)
                    written.unlink(missing_ok=True)

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
        SetupError: The suite is another user's, or its state folder cannot be written.
        Unavailable: The suite ends meanwhile, or cannot write what happens.
    """
    asked = state.resolve() / _FOLDER / f"{secrets.token_hex(_ID_BYTES)}{_REQUEST}"
    events = asked.with_suffix(_EVENTS)
    _refuse_other_user(state)
    try:
        asked.parent.mkdir(exist_ok=True)
        replace_file(asked, request.model_dump_json().encode())
    except OSError as error:
        raise SetupError(f"The suite cannot be asked for a deploy: {error}. Mend that, and repeat it.") from error
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


def _refuse_other_user(state: Path) -> None:
    """Refuse to write as another user, also as root: the suite could not read or remove that."""
    try:
        owner = (state / ENDPOINTS).stat().st_uid
    except FileNotFoundError:  # it has ended at this moment, which is seen next
        return
    if owner != os.geteuid():
        raise SetupError(
            f"The suite on {state} runs as user {owner}, and this is user {os.geteuid()}: deploy as the user who runs "
            "it."
        )


async def _lines(file: Path, state: Path, suite: Endpoints) -> AsyncIterator[bytes]:
    """Yield the lines of a file as they are written, for as long as the suite runs."""
    read = 0
    while True:
        runs = (now := read_endpoints(state)) is not None and now.instance == suite.instance
        is_taken = not file.with_suffix(_REQUEST).exists()
        if is_taken and runs and not file.exists():
            raise Unavailable(
                f"The suite cannot write the course of the deploy to {file.parent}: the disk may be full. "
                "`perdure versions` shows what came of it; it may be repeated."
            )
        content = file.read_bytes() if file.exists() else b""
        *lines, rest = content[read:].splitlines(keepends=True) or [b""]
        lines += [rest] if rest.endswith(b"\n") else []
        for line in lines:
            read += len(line)
            yield line
        if not lines and not runs:
            raise Unavailable("The suite has ended during the deploy. Start it with `perdure up`: it continues there.")
        await asyncio.sleep(_POLL_EVERY)
