"""``perdure routes list``: the routes under the names that commands and run ids have."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from perdure.bus import MemoryBus
from perdure.cli.app import app
from perdure.contracts.schedules import LIST_SCHEDULES, Schedules, ScheduleState
from tests.support.cli_bus import use_bus

CRON = "routes:\n- {name: %s, cron: '0 6 * * *', timezone: Europe/Zurich, start: Report}"


class Orchestrator(MemoryBus):
    """A bus on which the orchestrator answers for one schedule."""

    def __init__(self, state: ScheduleState) -> None:
        super().__init__()
        self._state = state

    async def request(self, subject: str, _: bytes) -> bytes:
        assert subject == LIST_SCHEDULES
        return Schedules(schedules=(self._state,)).model_dump_json().encode()


def test_routes_have_the_keys_of_the_file_and_the_names_of_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "perdure.yaml").write_text(
        "routes:\n- {on: a, start: Order, schema: {type: object}}\n- {on: b, signal: paid, workflow_id: 'o-{data.id}'}"
    )

    routes = [json.loads(line) for line in CliRunner().invoke(app, ["routes", "list", "--json"]).stdout.splitlines()]

    assert [route["name"] for route in routes] == ["Order", "paid"]
    assert routes[0]["schema"] == {"type": "object"}
    assert "data_schema" not in routes[0]


@pytest.mark.parametrize(
    ("state", "shown"),
    [
        ({"next": [datetime(2026, 12, 1, 5, tzinfo=UTC)]}, "2026-12-01"),
        ({"next": [datetime(2026, 12, 1, 5, tzinfo=UTC)], "missed": 3}, "; 3 missed"),
        ({"paused": "an incident"}, "an incident"),
        ({"problem": "unknown time zone"}, "Temporal refuses it: unknown time zone"),
        ({}, "never again"),
    ],
)
def test_a_route_with_a_cron_shows_when_it_is_due_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: dict[str, Any], shown: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    (tmp_path / "perdure.yaml").write_text(CRON % "nightly")
    schedule = ScheduleState(route="nightly", **state)
    use_bus(monkeypatch, Orchestrator(schedule), "routes.list")

    printed = CliRunner().invoke(app, ["routes", "list"]).stdout
    row = json.loads(CliRunner().invoke(app, ["routes", "list", "--json"]).stdout)

    assert "0 6 * * * Europe/Zurich" in printed
    assert shown in printed
    assert row["schedule"] == schedule.model_dump(mode="json")


def test_without_a_suite_the_routes_are_listed_and_a_sentence_says_what_is_not_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "perdure.yaml").write_text(CRON % "nightly")

    ended = CliRunner().invoke(app, ["routes", "list"])

    assert ended.exit_code == 0
    assert "nightly" in ended.stdout
    assert "When routes are due next is not known: " in ended.stderr
