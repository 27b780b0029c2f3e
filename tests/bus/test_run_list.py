"""Runs are listed page by page, the newest first, by workflow, state, event, key and time."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from perdure.bus import Bus, RawMessage, StoredMessage
from perdure.bus.views.run_list import RunFilter, RunPage, list_runs
from perdure.contracts import Progress, ProgressKind
from perdure.contracts.runs import StuckRun
from perdure.values.flow_key import fit_key

BEFORE = datetime(2026, 1, 1, tzinfo=UTC)


def about(run: str, sequence: int, kind: ProgressKind, **more: Any) -> Progress:
    fields = {"workflow": "Work", "run_id": f"id-of-{run}", "event_id": None, "at": datetime.now(UTC), **more}
    return Progress(workflow_id=run, sequence=sequence, kind=kind, **fields)


async def publish_runs(bus: Bus, *runs: str, kind: ProgressKind = "completed", **more: Any) -> None:
    for run in runs:
        await bus.publish(about(run, 1, "started", **more))
        await bus.publish(about(run, 2, kind, **more))


async def ids(bus: Bus, **selection: Any) -> list[str]:
    return [fact.workflow_id for fact in (await list_runs(bus, RunFilter(**selection))).runs]


async def pages(bus: Bus, **selection: Any) -> list[list[str]]:
    found, before = [], None
    while True:
        page: RunPage = await list_runs(bus, RunFilter(before=before, **selection))
        found.append([fact.workflow_id for fact in page.runs])
        if page.next is None:
            return found
        before = page.next


@pytest.mark.parametrize("state", [None, "completed"])
async def test_the_newest_runs_come_first_and_each_once_over_all_pages(bus: Bus, state: Any) -> None:
    runs = [f"r{number:02}" for number in range(25)]
    await publish_runs(bus, *runs)
    newest_first = list(reversed(runs))

    assert await pages(bus, limit=10, state=state) == [newest_first[:10], newest_first[10:20], newest_first[20:]]
    assert await pages(bus, limit=25, state=state) == [newest_first]
    assert await pages(bus, limit=50, state=state) == [newest_first]


async def test_no_run_makes_an_empty_page(bus: Bus) -> None:
    assert await list_runs(bus, RunFilter()) == RunPage([], None)
    assert await list_runs(bus, RunFilter(state="open")) == RunPage([], None)


async def test_a_run_that_goes_on_between_two_pages_is_not_listed_twice(bus: Bus) -> None:
    await publish_runs(bus, "a", "b", "c", kind="waiting")
    first = await list_runs(bus, RunFilter(limit=1))
    await bus.publish(about("c", 3, "completed"))
    await bus.publish(about("a", 3, "resumed"))
    second = await list_runs(bus, RunFilter(limit=5, before=first.next))

    assert [fact.workflow_id for fact in first.runs] == ["c"]
    assert [fact.workflow_id for fact in second.runs] == ["b"]


async def test_runs_are_selected_by_state(bus: Bus) -> None:
    await publish_runs(bus, "waits", "notes", kind="waiting")
    await publish_runs(bus, "done.1", "done.2")
    await publish_runs(bus, "broken", kind="failed")
    await bus.publish(about("notes", 1, "note", part=2))

    assert await ids(bus, state="open") == ["notes", "waits"]
    assert await ids(bus, state="waiting") == ["waits"]
    assert await ids(bus, state="failed") == ["broken"]
    assert await ids(bus, state="completed") == ["done.2", "done.1"]
    assert await ids(bus, state="cancelled") == []


async def test_the_runs_that_wait_for_mended_code_are_selected_whatever_they_said_last(bus: Bus) -> None:
    for run in ("a", "b", "c", "d", "e"):
        await publish_runs(bus, run, kind="waiting", event_id="42")
    await publish_runs(bus, "Work-42", kind="waiting", workflow="Mail", event_id="42")
    for run in ("c", "a", "d", "e", "gone"):
        await stick(bus, run, f"id-of-{run}")
    await stick(bus, "Work-42", "id-of-Work-42", workflow="Mail")
    await stick(bus, "b", "an earlier run of the chain")
    await bus.publish(about("d", 3, "failed"))
    await bus.publish(about("a", 3, "resumed"))

    assert await ids(bus, state="stuck") == ["a", "Work-42", "e", "c"]
    assert await pages(bus, state="stuck", limit=2) == [["a", "Work-42"], ["e", "c"]]
    assert await ids(bus, state="stuck", workflow="Work", limit=1) == ["a"]
    assert await ids(bus, state="stuck", event="42") == ["Work-42"]
    assert await ids(bus, state="stuck", until=BEFORE) == []
    assert await ids(bus, state="open", limit=1) == ["a"]


async def stick(bus: Bus, run: str, run_id: str, workflow: str = "Work") -> None:
    stuck = StuckRun(workflow=workflow, workflow_id=run, run_id=run_id, error="KeyError", since=datetime.now(UTC))
    await bus.publish_raw(RawMessage(stuck.subject, stuck.model_dump_json().encode(), {}))


async def test_runs_are_selected_by_workflow_and_by_event(bus: Bus) -> None:
    await publish_runs(bus, "Work-42", "Work-2026-42", event_id="2026-42")
    await publish_runs(bus, "Mail-42", workflow="Mail", event_id="42")

    assert await ids(bus, workflow="Mail") == ["Mail-42"]
    assert await ids(bus, workflow="Mail", state="completed") == ["Mail-42"]
    assert await ids(bus, workflow="None") == []
    assert await ids(bus, event="42") == ["Mail-42"]
    assert await ids(bus, event="42", workflow="Work") == []
    assert await ids(bus, event="2026-42") == ["Work-2026-42"]


async def test_runs_are_selected_by_their_key(bus: Bus) -> None:
    await publish_runs(bus, "a-1", "a-2", key="Äcme, Inc.")
    await publish_runs(bus, "b-1", key="Beta")
    await publish_runs(bus, "a-3", key="Äcme, Inc.", kind="failed", event_id="3")
    await publish_runs(bus, "a-3-long", key=fit_key("x" * 999))
    await publish_runs(bus, "none")

    assert await ids(bus, key="Äcme, Inc.") == ["a-3", "a-2", "a-1"]
    assert await pages(bus, key="Äcme, Inc.", limit=2) == [["a-3", "a-2"], ["a-1"]]
    assert await ids(bus, key="Äcme, Inc.", state="completed", limit=1) == ["a-2"]
    assert await ids(bus, key="Beta", event="3") == []
    assert await ids(bus, key="Äcme, Inc.", event="3") == ["a-3"]
    assert await ids(bus, key="x" * 999) == ["a-3-long"]
    assert await ids(bus, key="äcme, inc.") == []
    assert await ids(bus, key="") == []


@pytest.mark.parametrize("state", [None, "open"])
async def test_a_page_by_key_reads_no_body_of_another_key(bus: Bus, state: Any) -> None:
    await publish_runs(bus, "ours", key="ours", kind="waiting")
    await publish_runs(bus, *(f"r{number:02}" for number in range(25)), key="others", kind="waiting")
    reading = CountedReads(bus)

    page = await list_runs(cast("Bus", reading), RunFilter(key="ours", state=state, limit=1))

    assert [fact.workflow_id for fact in page.runs] == ["ours"]
    assert reading.bodies == 1


class CountedReads:
    """A bus that counts the newest messages that are read with their bodies."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self.bodies = 0

    async def last(self, subject: str) -> StoredMessage | None:
        self.bodies += 1
        return await self._bus.last(subject)

    def read_newest_headers(self, subject: str) -> AsyncGenerator[StoredMessage]:
        return self._bus.read_newest_headers(subject)


async def test_runs_are_selected_by_the_time_of_their_newest_fact(bus: Bus) -> None:
    await publish_runs(bus, "old")
    await asyncio.sleep(0.01)
    middle = datetime.now(UTC)
    await asyncio.sleep(0.01)
    await publish_runs(bus, "new")

    for state in (None, "completed"):
        assert await ids(bus, since=middle, state=state) == ["new"]
        assert await ids(bus, until=middle, state=state) == ["old"]
        assert await ids(bus, since=middle, until=middle, state=state) == []
