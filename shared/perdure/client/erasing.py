"""Carries out an erasure: ordered on ADMIN first, then each part of it, so that after a crash it goes on."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from perdure.bus.key_value import KeyValue, mentions
from perdure.bus.topology import STREAMS
from perdure.bus.views.erasures import read_erasures
from perdure.client.erasure_plan import ErasurePlan
from perdure.client.run_acts import ActBus, new_act_id
from perdure.contracts import Erasure
from perdure.contracts.erasures import (
    ERASE_RECORDS,
    ERASE_RUN,
    Erasable,
    EraseRecordsReply,
    EraseRecordsRequest,
    EraseRunReply,
    EraseRunRequest,
)
from perdure.errors import DeleteRefused, PerdureError, Unavailable
from perdure.values.run_id import place_of

__all__ = ["ContentBuckets", "Erased", "carry_out", "finish", "order_erasure", "settle"]

_AT_ONCE: Final = 500  # messages, runs or names of one order: it must fit into a message
_WITHIN: Final = 60.0  # seconds, for services to catch up, and for Temporal to delete a run
_PAUSE: Final = 0.2  # seconds
_BEFORE: Final = {"ingest": ("EVENTS",), "orchestrator": ("COMMANDS", "DECISIONS", "SIGNALS"), "audit": tuple(STREAMS)}
_QUEUES: Final = {"NOTICES": "notices.>", "STUCK": "stuck.>"}


@dataclass
class Erased:
    """What was erased, and what was left.

    Attributes:
        records: How many records; those that were erased before are not counted.
        messages: How many messages of streams.
        runs: How many runs Temporal has no more.
        payloads: How many large payloads.
        left: What was left and why, a sentence each.
    """

    records: int = 0
    messages: int = 0
    runs: int = 0
    payloads: int = 0
    left: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ContentBuckets:
    """Buckets in which services keep content.

    Attributes:
        verifications: The verdicts on decisions.
        notices: What the notifier has posted.
    """

    verifications: KeyValue
    notices: KeyValue


async def settle(bus: ActBus) -> None:
    """Wait until services have handled and recorded what the streams hold now: nobody needs it unread after that.

    Raises:
        Unavailable: A service has not within a minute, or NATS does not answer.
    """
    for service, streams in _BEFORE.items():
        for stream in streams:
            try:
                async with asyncio.timeout(_WITHIN):
                    await bus.wait_until_consumed(service, stream)
            except TimeoutError:
                raise Unavailable(
                    f"The {service} service has not handled all that {stream} holds, so nothing was erased: "
                    "`perdure doctor` shows why. Erase once it has."
                ) from None


async def order_erasure(bus: ActBus, plan: ErasurePlan, *, by: str, why: str) -> list[tuple[int, Erasure]]:
    """Put the orders for a plan on ADMIN; return each with its sequence there.

    Raises:
        Unavailable: NATS does not confirm one; those before it are carried out by ``finish``.
    """
    id_, ordered = new_act_id(), []
    for part, (messages, runs, names) in enumerate(_parts(plan), start=1):
        order = Erasure(
            act="ordered",
            id=id_,
            part=part,
            places=tuple(it.place for it in messages),
            leaves=tuple(it.leaf for it in messages),
            runs=tuple(runs),
            names=tuple(names),
            by=by,
            why=why,
            at=datetime.now(UTC),
        )
        ordered.append((await bus.publish(order), order))
    return ordered


def _parts(plan: ErasurePlan) -> Iterator[tuple[Sequence[Erasable], Sequence[str], Sequence[str]]]:
    longest = max(len(plan.messages), len(plan.runs), len(plan.names))
    for first in range(0, longest, _AT_ONCE):
        part = slice(first, first + _AT_ONCE)
        yield plan.messages[part], plan.runs[part], plan.names[part]


async def finish(bus: ActBus, state: ContentBuckets) -> AsyncIterator[tuple[Erasure, Erased]]:
    """Carry out the orders on ADMIN that are not done; yield each with what was erased of it now, or why nothing was.

    Raises:
        Unavailable: As in ``carry_out``.
    """
    open_orders: dict[tuple[str, int], tuple[int, Erasure]] = {}
    async for sequence, erasure in read_erasures(bus):
        if erasure.act == "ordered":
            open_orders[erasure.id, erasure.part] = (sequence, erasure)
        elif erasure.act == "done":
            open_orders.pop((erasure.id, erasure.part), None)
    for sequence, order in open_orders.values():
        try:
            erased = await carry_out(bus, state, sequence, order)
        except Unavailable:
            raise
        except PerdureError as error:  # the next time it is tried again, and others need not wait for it
            erased = Erased(left=[str(error)])
        yield order, erased


async def carry_out(bus: ActBus, state: ContentBuckets, sequence: int, order: Erasure) -> Erased:
    """Erase what an order names, and record on ADMIN that it is done; done again, nothing happens twice.

    Runs go before the facts about them, which the orchestrator publishes again for a run that Temporal still has.

    Raises:
        PerdureError: A run is open again, or the audit's database is not the one that was asked.
        Unavailable: A service or NATS does not answer: the same again goes on.
    """
    erased = Erased()
    for run in order.runs:
        await _erase_run(bus, sequence, run, erased)
    records = EraseRecordsRequest(order=sequence).model_dump_json().encode()
    reply = EraseRecordsReply.model_validate_json(await bus.request(ERASE_RECORDS, records))
    if reply.problem:
        raise PerdureError(f"The audit erases nothing: {reply.problem}")
    erased.records = reply.erased
    for place in order.places:
        stream, number, _ = place.split(".")
        await _erase_message(bus, stream, int(number), place, erased)
        if stream == "DECISIONS":
            await state.verifications.erase(f"{stream}.{number}")
    ids = [it.encode() for it in (*order.runs, *order.names)]
    for stream, subject in _QUEUES.items():
        async for message in bus.read(subject):
            if mentions(message.raw.body, ids):
                await bus.erase(stream, message.sequence)
                erased.messages += 1
    await state.notices.erase_mentions(ids)
    done = {"act": "done", "left": tuple(erased.left), "at": datetime.now(UTC)}
    await bus.publish(order.model_copy(update=done))
    return erased


async def _erase_run(bus: ActBus, order: int, run: str, erased: Erased) -> None:
    """Let the orchestrator delete a run, and wait until Temporal has no execution of it."""
    request = EraseRunRequest(order=order, workflow_id=run).model_dump_json().encode()
    deadline, asked = time.monotonic() + _WITHIN, 0
    while True:
        reply = EraseRunReply.model_validate_json(await bus.request(ERASE_RUN, request))
        erased.payloads += reply.payloads if not asked else 0
        asked += 1
        if reply.outcome == "deleted":
            erased.runs += asked > 1
            return
        if reply.outcome != "deleting":
            raise PerdureError(f"The run {run} was not erased, and nothing after it. {reply.detail}")
        if reply.detail and (note := f"{run}: {reply.detail}") not in erased.left:
            erased.left.append(note)
        if time.monotonic() > deadline:
            raise Unavailable(f"Temporal has not deleted the run {run} within a minute: the same again goes on.")
        await asyncio.sleep(_PAUSE)


async def _erase_message(bus: ActBus, stream: str, sequence: int, place: str, erased: Erased) -> None:
    """Erase a message if the stream still has it: one that was made anew has another message at its place."""
    message = await bus.get(stream, sequence)
    if message is None or place_of(stream, sequence, message.stored_at) != place:
        return
    try:
        await bus.erase(stream, sequence)
    except DeleteRefused:
        erased.left.append(f"The message {stream}:{sequence} is left: NATS denies to delete messages of this stream.")
    else:
        erased.messages += 1
