"""`perdure explain --offline`: the command reads an export of the record, and asks no suite."""

from datetime import UTC, datetime
from pathlib import Path

import pytest_asyncio

from perdure.bus import MemoryBus, RawMessage
from perdure.contracts import EventReference, EventVerdict, Progress, RouteVerdict, StartWorkflow
from perdure.record.layout import MANIFEST
from tests.support.command_line import perdure, printed
from tests.support.exported import export_messages, recorded_messages

TYPE = "word.sent"
RUN = "order-7"
NOW = datetime.now(UTC)


@pytest_asyncio.fixture
async def record(tmp_path: Path) -> tuple[Path, dict[str, int]]:
    """An export of a run that completed, and of an event that no route took; with the leaves by place."""
    bus = MemoryBus()
    for event, verdict in (("taken", "started"), ("small", "no_match")):
        ce = {"ce-specversion": "1.0", "ce-id": event, "ce-type": TYPE, "ce-source": "test"}
        sequence = await bus.publish_raw(RawMessage(f"events.{TYPE}", b"{}", ce))
        run = RUN if verdict == "started" else None
        word = RouteVerdict.model_validate({"route": "R", "verdict": verdict, "detail": "x is 3", "workflow_id": run})
        await bus.publish(
            EventVerdict(event_id=event, event_type=TYPE, stream_sequence=sequence, rules="b" * 64, routes=(word,))
        )
    reference = EventReference(id="taken", type=TYPE, source="test", stream_sequence=1)
    await bus.publish(StartWorkflow(route="R", event=reference, workflow="W", workflow_id=RUN, digest="a" * 64))
    about = {"workflow": "W", "workflow_id": RUN, "run_id": "r", "event_id": "taken", "at": NOW}
    await bus.publish(Progress.model_validate({**about, "sequence": 1, "kind": "started"}))
    await bus.publish(Progress.model_validate({**about, "sequence": 2, "kind": "completed", "result": "sent"}))
    folder = tmp_path / "record"
    leaves = export_messages(folder, [message async for message in recorded_messages(bus)])
    return folder, leaves


def test_three_sentences_with_their_leaves_come_from_the_export_alone(
    record: tuple[Path, dict[str, int]], tmp_path: Path
) -> None:
    folder, leaves = record
    (found,) = printed(perdure(tmp_path, "explain", "taken", "--offline", str(folder), "--json"))
    shown = perdure(tmp_path, "explain", "taken", "--offline", folder.name)

    assert (found["about"], found["cause"], found["silent"]) == ("event", "completed", [])
    sentences = [found["became"], found["why"], found["remedy"], *found["evidence"]]
    cited = {place: leaf for it in sentences for place, leaf in zip(it["places"], it["leaves"], strict=True)}
    assert cited == {place: leaves[place] for place in cited}
    assert {"EVENTS:1", "VERDICTS:1", "COMMANDS:1", "PROGRESS:2"} <= cited.keys()
    assert shown.returncode == 0
    assert shown.stdout.startswith(f"The run {RUN} has completed. [PROGRESS:2 leaf {leaves['PROGRESS:2']}]\n")


def test_an_export_tells_why_a_route_took_no_event(record: tuple[Path, dict[str, int]], tmp_path: Path) -> None:
    folder, leaves = record
    (found,) = printed(perdure(tmp_path, "explain", "small", "--why-not", "R", "--offline", str(folder), "--json"))

    assert (found["cause"], "x is 3" in found["why"]["text"]) == ("no_match", True)
    assert found["why"]["leaves"] == [leaves["VERDICTS:2"]]


def test_what_an_export_does_not_hold_or_is_none_ends_with_its_code(
    record: tuple[Path, dict[str, int]], tmp_path: Path
) -> None:
    folder, _ = record
    unknown = perdure(tmp_path, "explain", "nobody", "--offline", str(folder))
    absent = perdure(tmp_path, "explain", "taken", "--offline", "nowhere")
    (folder / MANIFEST).write_text("{")
    damaged = perdure(tmp_path, "explain", "taken", "--offline", str(folder))

    assert (unknown.returncode, "never stored" in unknown.stdout) == (4, True)
    assert (absent.returncode, absent.stdout) == (4, "")
    assert "No export of a record lies in nowhere" in absent.stderr
    assert (damaged.returncode, damaged.stdout) == (1, "")
    assert f"The export in {folder} is damaged" in damaged.stderr
