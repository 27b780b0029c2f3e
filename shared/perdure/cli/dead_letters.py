"""Dead letters as one works on them: found, said again, dropped."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import Field, TypeAdapter

from perdure.bus import NatsBus, NatsKeyValue, decode
from perdure.bus.resend import resent
from perdure.bus.views.start_ledger import BUCKET, StartLedger
from perdure.contracts import DeadLetter, SignalWorkflow, StartWorkflow
from perdure.errors import PerdureError

__all__ = ["Choice", "drop_dead_letters", "find_dead_letters", "resend_dead_letters"]

_STREAM: Final = "DLQ"
_COMMANDS: Final[TypeAdapter[StartWorkflow | SignalWorkflow]] = TypeAdapter(
    Annotated[StartWorkflow | SignalWorkflow, Field(discriminator="type")]
)
_GONE: Final = "the stream no longer has the message; the audit record may, and `perdure dlq drop` ends the matter"


@dataclass(frozen=True, slots=True)
class Choice:
    """Which letters are meant: those of these numbers, or all, and of them only those of a reason and a service."""

    numbers: Sequence[int] = ()
    reason: str | None = None
    service: str | None = None

    def holds(self, number: int, letter: DeadLetter) -> bool:
        """Tell whether this letter is one of them."""
        return (
            (not self.numbers or number in self.numbers)
            and self.reason in {None, letter.reason}
            and self.service in {None, letter.service}
        )


async def find_dead_letters(bus: NatsBus, choice: Choice) -> dict[int, DeadLetter]:
    """Return letters by their place in the stream.

    Raises:
        PerdureError: One that is named is not there.
    """
    found: dict[int, DeadLetter] = {}
    async for heard in bus.read("dlq.>"):
        letter = decode(heard.raw)
        if isinstance(letter, DeadLetter) and choice.holds(heard.sequence, letter):
            found[heard.sequence] = letter
    if missing := sorted(set(choice.numbers) - set(found)):
        raise PerdureError(f"There is no dead letter {missing[0]}; `perdure dlq list` shows those that are there.")
    return found


async def resend_dead_letters(
    bus: NatsBus, choice: Choice, *, pause: float, dry_run: bool
) -> AsyncIterator[tuple[int, DeadLetter, str | None]]:
    """Say each letter again and drop it, ``pause`` seconds apart; yields what speaks against it, if anything does."""
    ledger = StartLedger(NatsKeyValue(bus.js, BUCKET))
    for place, letter in (await find_dead_letters(bus, choice)).items():
        body = await _body(bus, letter)
        against = _GONE if body is None else await _against(letter, body, ledger)
        if body is not None and against is None and not dry_run:
            await bus.publish_raw(resent(letter, body, place=place))
            await bus.delete(_STREAM, place)
            await asyncio.sleep(pause)
        yield place, letter, against


async def drop_dead_letters(bus: NatsBus, choice: Choice, *, dry_run: bool) -> dict[int, DeadLetter]:
    """Take letters out of the stream, and return them."""
    letters = await find_dead_letters(bus, choice)
    for place in () if dry_run else letters:
        await bus.delete(_STREAM, place)
    return letters


async def _body(bus: NatsBus, letter: DeadLetter) -> bytes | None:
    if letter.body is not None:
        return letter.body
    original = await bus.get(letter.stream, letter.stream_sequence)
    return None if original is None else original.body


async def _against(letter: DeadLetter, body: bytes, ledger: StartLedger) -> str | None:
    """Say what speaks against a replay: a command that took effect must not take effect again."""
    if not letter.original_subject.startswith(("commands.start.", "commands.signal.")):
        return None
    try:
        command = _COMMANDS.validate_json(body)
    except ValueError:
        return None
    if not await ledger.has_started(command.claim):
        return None
    did = "was started" if isinstance(command, StartWorkflow) else f"got its signal {command.signal}"
    return f"the run {command.workflow_id} {did}; `perdure status {command.workflow_id}` tells how it stands"
