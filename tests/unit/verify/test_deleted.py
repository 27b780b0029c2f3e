"""The verifier judges what deleted streams held as if it were there still, and excuses only what they took along."""

from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
from nats.js import JetStreamContext

from perdure.errors import SetupError
from perdure.verify.deleted import DeletedStream, append_deleted, read_deleted
from perdure.verify.judgement import judge
from perdure.verify.records import Execution, Expected, Fact, Judged, Observations, Published, RouteClaim
from perdure.verify.stream_message import StreamMessage
from perdure.verify.streams import Streams

EVENT = Expected("e", "probe", "run", "completed")
NEVER_BEGAN = Observations(
    published=[Published(1, "events.probe", "e", "aa")], judged=[Judged(1, (RouteClaim("P", "started", "P~e"),))]
)
RUN = Execution("P~e", "r1", "e", "COMPLETED")
FACTS = [Fact(1, "P~e", "r1", 1, "completed", "e")]


def command(sequence: int) -> StreamMessage:
    body = f'{{"workflow_id": "P~{sequence}", "event": {{"id": "{sequence}"}}}}'.encode()
    return StreamMessage("COMMANDS", sequence, 5, "commands.start.P", {"a": "b"}, body)


DELETED = DeletedStream("COMMANDS", 3, {"orchestrator": 1, "audit": 2}, [command(1), command(2), command(3)])


def test_a_written_stream_can_be_read(tmp_path: Path) -> None:
    other = DeletedStream("PROGRESS", 1, {}, [StreamMessage("PROGRESS", 1, 5, "progress.P.1", {}, b"\xff\x00")])
    for it in (DELETED, other):
        append_deleted(tmp_path / "deleted", it)

    assert read_deleted(tmp_path / "deleted") == [DELETED, other]


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "deleted").write_text("{}\n")

    with pytest.raises(SetupError, match="cannot be read"):
        read_deleted(tmp_path / "deleted")


def test_the_messages_of_a_deleted_stream_are_recorded_and_the_missed_ones_are_named() -> None:
    streams = Streams(cast("JetStreamContext", None))
    streams.add_deleted(DELETED)

    assert [it.workflow_id for it in streams.commands] == ["P~1", "P~2", "P~3"]
    assert streams.unhandled == {"P~2", "P~3"}
    assert {it.sequence for it in streams.unrecorded} == {3}


def test_facts_after_a_deletion_come_after_those_before_it() -> None:
    body = b'{"type":"progress","workflow":"P","workflow_id":"w","run_id":"r","sequence":1,"kind":"started",'
    body += b'"event_id":"e","at":"2026-01-01T00:00:00Z"}'
    fact = StreamMessage("PROGRESS", 1, 5, "progress.P.w", {}, body)
    streams = Streams(cast("JetStreamContext", None))
    streams.add_deleted(DeletedStream("PROGRESS", 9, {}, [fact]))
    streams.add(fact)

    assert [it.stream_sequence for it in streams.facts] == [1, 10]


def test_a_run_whose_command_went_unhandled_may_never_have_begun_and_is_named() -> None:
    excused = judge([EVENT], replace(NEVER_BEGAN, unhandled=frozenset({"P~e"})), ended=True)

    assert {it.check for it in judge([EVENT], NEVER_BEGAN, ended=True).violations} == {"outcome"}
    assert (excused.violations, excused.lost) == ([], ["P~e"])


def test_a_run_that_began_twice_is_found_all_the_same() -> None:
    runs = [RUN, replace(RUN, run_id="r2")]
    facts = [*FACTS, replace(FACTS[0], run_id="r2", stream_sequence=2)]
    seen = replace(NEVER_BEGAN, executions=runs, facts=facts, unhandled=frozenset({"P~e"}))

    assert "outcome" in {it.check for it in judge([EVENT], seen, ended=True).violations}


def test_a_run_that_waits_for_what_went_with_the_stream_is_open() -> None:
    waiting, began = replace(RUN, status="RUNNING"), [replace(FACTS[0], kind="started")]
    seen = replace(NEVER_BEGAN, executions=[waiting], facts=began, unhandled=frozenset({"P~e"}))

    assert judge([EVENT], seen, ended=True).violations == []
    assert judge([EVENT], replace(seen, unhandled=frozenset()), ended=True).violations != []
