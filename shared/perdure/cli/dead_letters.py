"""Finds, resends and drops dead letters."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Final, Literal

from pydantic import Field, TypeAdapter

from perdure.bus import NatsBus, NatsKeyValue, RawMessage, decode
from perdure.bus.resend import resent
from perdure.bus.views.start_ledger import BUCKET, StartLedger
from perdure.contracts import DeadLetter, DeadLetterSettled, SignalWorkflow, StartWorkflow
from perdure.errors import NotFound
from perdure.local.approver import login_name
from perdure.values.short_code import run_word

__all__ = ["Choice", "drop_dead_letters", "find_dead_letters", "resend_dead_letters"]

_STREAM: Final = "DLQ"
_COMMANDS: Final[TypeAdapter[StartWorkflow | SignalWorkflow]] = TypeAdapter(
    Annotated[StartWorkflow | SignalWorkflow, Field(discriminator="type")]
)
_GONE: Final = "the stream no longer has the message; the audit record may, and `perdure dlq drop` ends the matter"


@dataclass(frozen=True, slots=True)
class Choice:
    """A selection of dead letters: by number or all, filtered by reason and service."""

    numbers: Sequence[int] = ()
    reason: str | None = None
    service: str | None = None

    def holds(self, number: int, dead_letter: DeadLetter) -> bool:
        """Return whether a dead letter is selected."""
        return (
            (not self.numbers or number in self.numbers)
            and self.reason in {None, dead_letter.reason}
            and self.service in {None, dead_letter.service}
        )


async def find_dead_letters(bus: NatsBus, choice: Choice) -> dict[int, DeadLetter]:
    """Return dead letters by their sequence in the stream.

    Raises:
        NotFound: One that is named is not there.
    """
    found: dict[int, DeadLetter] = {}
    async for message in bus.read("dlq.>"):
        dead_letter = decode(message.raw)
        if isinstance(dead_letter, DeadLetter) and choice.holds(message.sequence, dead_letter):
            found[message.sequence] = dead_letter
    if missing := sorted(set(choice.numbers) - set(found)):
        raise NotFound(f"There is no dead letter {missing[0]}; `perdure dlq list` shows those that are there.")
    return found


async def resend_dead_letters(
    bus: NatsBus, choice: Choice, *, pause: float, dry_run: bool
) -> AsyncIterator[tuple[int, DeadLetter, str | None]]:
    """Resend and drop each dead letter, ``pause`` seconds apart; yields why one was not resent, else None."""
    ledger = StartLedger(NatsKeyValue(bus.js, BUCKET))
    for place, dead_letter in (await find_dead_letters(bus, choice)).items():
        original = await _original(bus, dead_letter)
        objection = _GONE if original is None else await _objection(original, ledger)
        if original is not None and objection is None and not dry_run:
            await bus.publish_raw(resent(dead_letter, original, place=place))
            await bus.publish(_settled("resent", place, dead_letter))
            await bus.delete(_STREAM, place)
            await asyncio.sleep(pause)
        yield place, dead_letter, objection


async def drop_dead_letters(bus: NatsBus, choice: Choice, *, dry_run: bool) -> dict[int, DeadLetter]:
    """Delete dead letters from the stream, and return them."""
    dead_letters = await find_dead_letters(bus, choice)
    for place, dead_letter in {} if dry_run else dead_letters.items():
        await bus.publish(_settled("dropped", place, dead_letter))
        await bus.delete(_STREAM, place)
    return dead_letters


def _settled(act: Literal["resent", "dropped"], place: int, dead_letter: DeadLetter) -> DeadLetterSettled:
    return DeadLetterSettled(
        act=act,
        number=place,
        service=dead_letter.service,
        reason=dead_letter.reason,
        original_subject=dead_letter.original_subject,
        stream=dead_letter.stream,
        stream_sequence=dead_letter.stream_sequence,
        by=login_name(),
        at=datetime.now(UTC),
    )


async def _original(bus: NatsBus, dead_letter: DeadLetter) -> RawMessage | None:
    """Return the message that it was, or None if neither it nor the stream has it whole."""
    if dead_letter.body is not None and dead_letter.is_whole:
        return RawMessage(dead_letter.original_subject, dead_letter.body, dead_letter.headers)
    original = await bus.get(dead_letter.stream, dead_letter.stream_sequence)
    return None if original is None else original.raw


async def _objection(original: RawMessage, ledger: StartLedger) -> str | None:
    """Return why a message must not be resent: a command that took effect must not do so again."""
    if not original.subject.startswith(("commands.start.", "commands.signal.")):
        return None
    try:
        command = _COMMANDS.validate_json(original.body)
    except ValueError:
        return None
    command = await ledger.as_claimed(command)
    if not await ledger.has_started(command.claim):
        return None
    did = "was started" if isinstance(command, StartWorkflow) else f"got its signal {command.signal}"
    return f"the run {command.workflow_id} {did}; `perdure runs show {run_word(command.workflow_id)}` shows its status"
