"""``perdure doctor`` on room: the disks under NATS, Temporal and the audit, and the streams."""

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, Final

from nats.js.errors import NotFoundError

from perdure.bus import NatsBus
from perdure.bus.stream_room import crowded
from perdure.bus.topology import CONSUMERS, STREAMS, Stream
from perdure.bus.views.kept_decisions import kept_decisions
from perdure.cli.client import reach
from perdure.cli.finding import Finding
from perdure.config.settings import Settings
from perdure.errors import Unavailable
from perdure.local.discovery import discover
from perdure.local.disk import Disk, disks
from perdure.local.nats_store import bound_reached, has_no_room, write_error
from perdure.local.state import State
from perdure.values.size_text import size_text

__all__ = ["check_room"]

_BOUND_BY_PERDURE: Final = "perdure.max_bytes"


async def check_room(settings: Settings) -> list[Finding]:
    """Check the disks of a suite on this machine, whether NATS stores what it is given, and how full streams are."""
    findings = (
        [*_disks(settings), *[it async for it in _store(settings)]] if settings.execution_engine == "local" else []
    )
    try:
        async with reach(discover(settings)[0], source="perdure/doctor") as bus:
            return [*findings, *[it async for it in _streams(bus, settings)]]
    except Unavailable:  # the finding about NATS reports it
        return findings


def _disks(settings: Settings) -> Iterator[Finding]:
    """Yield a finding for each disk, which parts may share, and for each part whose disk has no room."""
    good: dict[int, Disk] = {}
    for disk in disks(settings.state):
        if disk.problem is None:
            good.setdefault(disk.folder.stat().st_dev, disk)
        else:
            yield Finding(f"disk of {disk.part}", good=False, detail=disk.problem)
    for disk in good.values():
        yield Finding(
            f"disk of {disk.part}", good=True, detail=f"{size_text(disk.free)} of {size_text(disk.size)} free"
        )


async def _store(settings: Settings) -> AsyncIterator[Finding]:
    port = State(settings.state).remembered_ports().get("nats_monitor")
    if port is None:
        return
    monitor = f"http://127.0.0.1:{port}"
    if (error := await write_error(monitor)) is not None:
        detail = f"it stores and acknowledges nothing: {error}. `perdure up` starts it anew once its disk has room"
        yield Finding("nats store", good=False, detail=detail)
    elif (reached := await bound_reached(monitor)) is not None and await has_no_room(monitor):
        detail = f"{reached}, and refuses: shorten `nats.streams.<name>.max_age`, or make room and `perdure up` again"
        yield Finding("nats store", good=False, detail=detail)


async def _streams(bus: NatsBus, settings: Settings) -> AsyncIterator[Finding]:
    """Yield a finding for each stream that is too large, and one if none is."""
    listed = json.loads(await bus.request("$JS.API.STREAM.LIST", b""))
    limits = settings.nats.stream_limits
    ours = [found for found in listed.get("streams") or () if found["config"]["name"] in STREAMS]
    streams = [STREAMS[found["config"]["name"]] for found in ours]
    problems = [
        await _problem(bus, stream.kept(limits.get(stream.name)), found)
        for stream, found in zip(streams, ours, strict=True)
    ]
    if not any(problems):
        yield Finding("streams", good=True, detail="all have room")
    for detail in filter(None, problems):
        yield Finding("streams", good=False, detail=detail)


async def _problem(bus: NatsBus, stream: Stream, found: Mapping[str, Any]) -> str | None:
    """Return what is wrong with the size of a stream, if something is."""
    bound = found["config"]["max_bytes"]
    if stream.trimmed_by and bound < 0 and _BOUND_BY_PERDURE not in (found["config"].get("metadata") or {}):
        return f"{stream.name} has no bound, and may fill the disk: run `perdure admin nats provision` as operator"
    problem = crowded(stream, bound=bound, stored=found["state"]["bytes"])
    return f"{problem}; {await _behind(bus, stream.name)}" if problem and stream.trimmed_by else problem


async def _behind(bus: NatsBus, stream: str) -> str:
    """Return which services have not settled a stream, with the number of messages."""
    behind = []
    for consumer in (it for it in CONSUMERS if it.stream == stream):
        try:
            found = await bus.js.consumer_info(stream, consumer.service)
        except NotFoundError:
            behind.append(f"{consumer.service} has no consumer")
            continue
        if left := (found.num_pending or 0) + (found.num_ack_pending or 0):
            behind.append(f"{consumer.service} has {left:,} messages to settle")
    if stream == "DECISIONS" and (kept := await kept_decisions(bus)) is not None:
        behind.append(kept.sentence)
    return ", ".join(behind) or "all are settled"
