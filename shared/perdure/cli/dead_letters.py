"""Finds, resends and drops dead letters."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Annotated, Final, Literal

from pydantic import Field, TypeAdapter

from perdure.bus import NatsBus, NatsKeyValue, RawMessage, StoredMessage, decode
from perdure.bus.events import PREFIX
from perdure.bus.resend import resent
from perdure.bus.views.erasures import not_found
from perdure.bus.views.event_runs import event_at, event_in, place_id
from perdure.bus.views.start_ledger import BUCKET, Claim, StartLedger
from perdure.config.routes import Route
from perdure.contracts import DeadLetter, DeadLetterSettled, SignalWorkflow, StartWorkflow
from perdure.errors import InvalidMessage
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


@dataclass(frozen=True, slots=True)
class _Original:
    """What is sent again.

    Attributes:
        raw: The message.
        place: Its place.
        command: The command that was refused, if one was.
    """

    raw: RawMessage
    place: str
    command: StartWorkflow | SignalWorkflow | None


async def find_dead_letters(bus: NatsBus, choice: Choice) -> dict[int, DeadLetter]:
    """Return dead letters by their sequence in the stream.

    Raises:
        NotFound: One that is named is not there; the message says so if it was erased.
    """
    found: dict[int, DeadLetter] = {}
    async for message in bus.read("dlq.>"):
        dead_letter = decode(message.raw)
        if isinstance(dead_letter, DeadLetter) and choice.holds(message.sequence, dead_letter):
            found[message.sequence] = dead_letter
    if missing := sorted(set(choice.numbers) - set(found)):
        problem = f"There is no dead letter {missing[0]}; `perdure dlq list` shows those that are there."
        raise await not_found(bus, f"{_STREAM}:{missing[0]}", problem)
    return found


async def resend_dead_letters(
    bus: NatsBus, choice: Choice, routes: Iterable[Route], *, pause: float, dry_run: bool
) -> AsyncIterator[tuple[int, str, str | None]]:
    """Resend and drop each dead letter, ``pause`` seconds apart.

    A command is sent again as its event, so that ingest's routes judge it. One of many events, one of 0.1 and one whose
    event is gone are sent again as they are, with the workflow that their route starts by ``routes``.

    Yields:
        The number of a dead letter, the subject on which it goes, and why it was not resent, else None.
    """
    ledger = StartLedger(NatsKeyValue(bus.js, BUCKET))
    workflows = {route.label: route.start for route in routes if route.start is not None}
    for place, dead_letter in (await find_dead_letters(bus, choice)).items():
        original = await _original(bus, dead_letter, workflows)
        objection = _GONE if original is None else await _objection(original.command, ledger)
        if original is not None and objection is None and not dry_run:
            await bus.publish_raw(resent(original.raw, place=original.place, number=place))
            await bus.publish(_settled("resent", place, dead_letter))
            await bus.delete(_STREAM, place)
            await asyncio.sleep(pause)
        yield place, dead_letter.original_subject if original is None else original.raw.subject, objection


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


async def _original(bus: NatsBus, dead_letter: DeadLetter, workflows: Mapping[str, str]) -> _Original | None:
    """Return what to send again, or None if neither the dead letter nor the stream has it whole."""
    if dead_letter.body is not None and dead_letter.is_whole:
        raw = RawMessage(dead_letter.original_subject, dead_letter.body, dead_letter.headers)
    elif (stored := await bus.get(dead_letter.stream, dead_letter.stream_sequence)) is not None:
        raw = stored.raw
    else:
        return None
    command = _command(raw)
    if command is not None and command.former is not None:  # a batch is of many events, 0.1 named events otherwise
        message = await _event_of(bus, command)
        if message is not None:
            return _Original(message.raw, place_id(message), command)
    if isinstance(command, StartWorkflow) and command.route in workflows:
        command = command.model_copy(update={"workflow": workflows[command.route]})
        raw = replace(raw, subject=command.subject, body=command.model_dump_json().encode())
    return _Original(raw, dead_letter.place, command)


async def _event_of(bus: NatsBus, command: StartWorkflow | SignalWorkflow) -> StoredMessage | None:
    """Return the event of a command, or None if its stream no longer has it."""
    named = command.event
    message = await event_at(bus, named.stream_sequence, f"{PREFIX}{named.type}")
    event = None if message is None else event_in(message)
    return message if event is not None and (event.id, event.source) == (named.id, named.source) else None


def _command(raw: RawMessage) -> StartWorkflow | SignalWorkflow | None:
    """Return the command of a message that is one because of an event."""
    if not raw.subject.startswith(("commands.start.", "commands.signal.")):
        return None
    try:
        return _COMMANDS.validate_json(raw.body)
    except ValueError:
        return None


async def _objection(command: StartWorkflow | SignalWorkflow | None, ledger: StartLedger) -> str | None:
    """Return why a command must not be sent again, or its event: what took effect must not do so again."""
    try:
        if command is None or await ledger.look_up(await ledger.as_claimed(command)) is not Claim.DONE:
            return None
    except InvalidMessage as error:  # another event has the run: a mended route may give this one a run of its own
        return None if error.reason == "run_exists" else error.detail
    did = "was started" if isinstance(command, StartWorkflow) else f"got its signal {command.signal}"
    return f"the run {command.workflow_id} {did}; `perdure runs show {run_word(command.workflow_id)}` shows its status"
