"""Commands about runs on a bus without services: found by any id, listed by pages, cancelled, watched, recorded."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner, Result

from perdure.bus import MemoryBus, StoredMessage
from perdure.cli.app import app
from perdure.contracts import Progress, ProgressKind, RunActed
from perdure.contracts.audit import AuditRecord, AuditRecordsFound, AuditRecordsQuery
from perdure.contracts.audit_proofs import AUDIT_PROOFS
from perdure.contracts.run_acts import ACT_ON_RUN, ActOutcome, RunActReply, RunActRequest
from perdure.contracts.runs import RunDescription
from perdure.errors import Unavailable
from tests.support.cli_bus import use_bus

BEGAN = datetime(2026, 11, 26, tzinfo=UTC)
MODULES = (
    *(f"runs.{name}" for name in ("list", "show", "watch", "result", "acts", "acting")),
    "audit.tail",
)


class Bus(MemoryBus):
    """A bus whose audit service has one record, and on which Temporal knows every run."""

    def __init__(self) -> None:
        super().__init__()
        self.acts: list[RunActRequest] = []
        self.outcomes: list[ActOutcome] = []

    query: AuditRecordsQuery | None = None
    filters: tuple[str, ...] = tuple(AuditRecordsQuery.model_fields)

    async def request(self, subject: str, body: bytes) -> bytes:
        if subject == ACT_ON_RUN:
            self.acts.append(RunActRequest.model_validate_json(body))
            outcome = self.outcomes.pop(0)
            reply = RunActReply(workflow_id=self.acts[-1].workflow_id, outcome=outcome, detail="Because.")
            return reply.model_dump_json().encode()
        if subject == AUDIT_PROOFS:
            raise Unavailable("no responder")
        if "audit" not in subject:
            return RunDescription(workflow_id="Order-1", status="RUNNING").model_dump_json().encode()
        self.query = AuditRecordsQuery.model_validate_json(body)
        return AuditRecordsFound(total=1, records=(record(7),), filters=self.filters).model_dump_json().encode()


def record(position: int) -> AuditRecord:
    fact = progress(1, "failed", error="no stock")
    body = fact.model_dump_json().encode()
    return AuditRecord(
        position=position, stream="PROGRESS", sequence=1, subject=fact.subject, stored_at=BEGAN, headers={}, body=body
    )


@pytest.fixture
def bus(monkeypatch: pytest.MonkeyPatch) -> Bus:
    bus = Bus()

    use_bus(monkeypatch, bus, *MODULES)
    return bus


def progress(number: int, kind: ProgressKind, sequence: int = 1, **more: str) -> Progress:
    return Progress(
        workflow="Order",
        workflow_id=f"Order-{number}",
        run_id=f"r{number}",
        sequence=sequence,
        kind=kind,
        at=BEGAN + timedelta(minutes=number),
        event_id=f"event-{number}",
        **more,
    )


def publish(bus: Bus, *facts: Progress) -> None:
    for fact in facts:
        asyncio.run(bus.publish(fact))


def perdure(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def listed(*arguments: str) -> tuple[list[str], str]:
    result = perdure("runs", "list", "--json", *arguments)
    assert result.exit_code == 0, result.output
    return [json.loads(line)["workflow_id"] for line in result.stdout.splitlines()], result.stderr


def test_runs_are_listed_newest_first_page_by_page_and_by_state(bus: Bus) -> None:
    publish(bus, *(progress(number, "started") for number in range(1, 6)), progress(5, "failed", 2))

    first, more = listed("--limit", "2")
    second, _ = listed("--limit", "2", "--before", str(json.loads(more)["next"]))

    assert (first, second) == (["Order-5", "Order-4"], ["Order-3", "Order-2"])
    assert listed("--state", "failed") == (["Order-5"], "")
    assert "Order-5" not in listed("--open")[0]
    assert listed("--workflow", "Refund") == ([], "")
    assert listed("--key", "acme") == ([], "")
    assert "did you mean failed?" in perdure("runs", "list", "--state", "faild").stderr


@pytest.mark.parametrize("given", ["Order-17", "Order-1"])
def test_a_run_is_found_by_its_id_before_any_prefix(bus: Bus, given: str) -> None:
    publish(bus, progress(1, "completed", result="one"), progress(17, "completed", result="seventeen"))

    assert json.loads(perdure("result", given).stdout) == ("one" if given == "Order-1" else "seventeen")


def test_a_run_is_found_by_a_unique_start_of_its_id_and_not_by_an_ambiguous_one(bus: Bus) -> None:
    publish(bus, progress(21, "completed", result="ok"), progress(22, "started"))

    assert json.loads(perdure("runs", "result", "Order-21").stdout) == "ok"
    ambiguous = perdure("runs", "result", "Order-2")
    assert (ambiguous.exit_code, "Order-21, Order-22" in ambiguous.stderr) == (1, True)
    assert perdure("runs", "result", "Order-22").exit_code == 3
    assert perdure("runs", "result", "nothing").exit_code == 4


def test_watching_a_run_that_has_ended_prints_it_and_ends(bus: Bus) -> None:
    publish(bus, progress(1, "started"), progress(1, "failed", 2, error="no stock"))

    result = perdure("watch", "Order-1", "--json")

    assert [json.loads(line)["kind"] for line in result.stdout.splitlines()] == ["started", "failed"]
    assert result.exit_code == 1
    assert perdure("watch", "Order-9").exit_code == 4


def test_the_exit_code_of_an_act_says_what_came_of_it(bus: Bus) -> None:
    publish(bus, progress(1, "started"))
    bus.outcomes = ["done", "already", "refused", "unknown_run"]

    words = ("runs", "cancel", "Order-1", "--reason", "left us", "--act", "mine", "--json")
    done, already, refused, unknown = (perdure(*words) for _ in range(4))

    assert [it.exit_code for it in (done, already, refused, unknown)] == [0, 0, 1, 4]
    assert json.loads(refused.stdout)["detail"] == "Because."
    asked = bus.acts[0]
    assert (asked.act, asked.workflow_id, asked.run_id) == ("cancel", "Order-1", "r1")
    assert (asked.id, asked.reason) == ("mine", "left us")


def test_an_act_names_one_run_or_a_condition(bus: Bus) -> None:
    assert perdure("runs", "retry").exit_code == 2
    assert perdure("runs", "retry", "Order-1", "--where", "x = 1").exit_code == 2
    assert bus.acts == []


def test_a_signal_to_an_unknown_run_is_sent_only_if_it_shall_come_early(bus: Bus) -> None:
    publish(bus, progress(1, "started"))

    sent = ("paid", "--reason", "by cheque")
    unknown = perdure("runs", "signal", "Order-9", *sent)
    known, early = (perdure("runs", "signal", run, *sent, "--early") for run in ("Order-1", "Order-9"))

    assert (unknown.exit_code, unknown.stdout) == (4, "")
    assert "with --early it is sent to Order-9" in unknown.stderr
    assert (known.exit_code, early.exit_code) == (0, 0)
    assert "Order-9: done. Sent paid (SIGNALS 2)" in early.stdout
    records = [stored.raw.body for stored in asyncio.run(admin_of(bus))]
    assert [(it.workflow_id, it.run_id, it.signal, it.reason) for it in map(RunActed.model_validate_json, records)] == [
        ("Order-1", "r1", "paid", "by cheque"),
        ("Order-9", None, "paid", "by cheque"),
    ]


async def admin_of(bus: Bus) -> list[StoredMessage]:
    return [stored async for stored in bus.read("admin.run.*")]


@pytest.mark.usefixtures("bus")
def test_a_stream_that_does_not_exist_is_wrong_usage() -> None:
    result = perdure("audit", "tail", "--stream", "NOPE")

    assert (result.exit_code, result.stdout) == (2, "")
    assert all(name in result.stderr for name in ("DECISIONS", "PROGRESS", "EVENTS"))
    assert "did you mean DECISIONS?" in perdure("audit", "tail", "--stream", "DECISION").stderr


@pytest.mark.parametrize("kind", ["step_failed", "step_completed"])  # the second one is that of earlier workers
def test_a_step_whose_tool_failed_is_shown_as_failed_and_facts_by_their_numbers(bus: Bus, kind: ProgressKind) -> None:
    publish(bus, progress(1, "started"), progress(1, kind, 3, step="buy", error="sold out"))
    publish(bus, progress(1, "step_started", 2, step="buy"))

    lines = perdure("runs", "show", "Order-1").stdout.splitlines()

    assert [line.split("+00:00 ")[-1][2:].split()[0] for line in lines[:3]] == ["1", "2", "3"]
    assert "✗" in lines[2]
    assert "sold out" in lines[2]


@pytest.mark.usefixtures("bus")
def test_an_audit_line_says_where_and_what_happened() -> None:
    text = perdure("audit", "tail").stdout
    record = json.loads(perdure("audit", "tail", "--json").stdout)

    assert "progress.Order.Order-1  failed no stock" in text
    assert record["data"]["error"] == "no stock"
    assert record["text"] == "failed no stock"


def test_the_query_of_the_audit_service_names_run_workflow_and_time(bus: Bus) -> None:
    perdure("audit", "tail", "--run", "a.b", "--workflow", "Order", "--since", "2026-11-26T00:00:00Z", "-n", "3")

    query = bus.query
    assert query is not None
    assert (query.tokens, query.run, query.since, query.limit) == (("Order",), "a=2Eb", BEGAN, 3)


def test_the_query_of_the_audit_service_names_state_event_and_key(bus: Bus) -> None:
    perdure("audit", "tail", "--state", "failed", "--event", "order-42", "--key", "acme")
    failed = bus.query
    perdure("audit", "tail", "--state", "open")
    still_open = bus.query

    assert failed is not None
    assert still_open is not None
    assert (failed.kinds, failed.event, failed.key) == (("failed",), "order-42", "acme")
    assert {"started", "waiting"} < set(still_open.kinds)
    assert "completed" not in still_open.kinds
    assert "did you mean failed?" in perdure("audit", "tail", "--state", "faild").stderr


def test_records_that_do_not_fit_into_one_reply_are_read_page_by_page(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[AuditRecordsQuery] = []

    async def reply(subject: str, body: bytes) -> bytes:
        if subject == AUDIT_PROOFS:
            raise Unavailable("no responder")
        asked.append(query := AuditRecordsQuery.model_validate_json(body))
        position = (query.before or 4) - 1
        one = record(position).model_copy(update={"body_left_out": position == 2, "body": b""})
        return (
            AuditRecordsFound(total=9, records=(one,), more=query.limit > 1, filters=bus.filters)
            .model_dump_json()
            .encode()
        )

    monkeypatch.setattr(bus, "request", reply)
    lines = perdure("audit", "tail", "-n", "3").stdout.splitlines()

    assert [int(line.split()[0]) for line in lines] == [1, 2, 3]
    assert "too large to be shown; message 1 of PROGRESS" in lines[1]
    assert [(it.before, it.limit) for it in asked] == [(None, 3), (3, 2), (2, 1)]


def test_records_that_an_older_audit_service_did_not_filter_are_not_shown(bus: Bus) -> None:
    bus.filters = AuditRecordsFound(total=0, records=()).filters

    filtered = perdure("audit", "tail", "--key", "acme", "--stream", "PROGRESS")

    assert (filtered.exit_code, filtered.stdout) == (1, "")
    assert "ignores key: restart it with this version" in filtered.stderr
    assert "failed no stock" in perdure("audit", "tail", "--stream", "PROGRESS").stdout
