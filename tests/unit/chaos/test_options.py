"""Invalid options of ``perdure admin chaos`` and ``perdure up`` are refused with a message and exit code 2."""

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from perdure.chaos.strike import DURATIONS
from perdure.cli.admin.chaos_options import check_options, read_faults, read_victims
from perdure.cli.app import app
from perdure.cli.replicas import read_replicas
from perdure.config.settings import Settings


def test_victims_and_replicas_are_read() -> None:
    assert read_victims("ingest, nats,ingest") == ["ingest", "nats"]
    assert read_replicas("ingest=3, orchestrator=2") == {"ingest": 3, "orchestrator": 2}
    assert read_replicas("") == {}


def test_faults_are_read() -> None:
    assert read_faults("stall, kill,stall") == ["stall", "kill"]
    assert read_faults("all") == list(DURATIONS)


@pytest.mark.parametrize("faults", ["", " , ", "flood", "kill,flood", "all,kill"])
def test_unknown_faults_are_refused(faults: str) -> None:
    with pytest.raises(typer.BadParameter, match="kill, stall"):
        read_faults(faults)


@pytest.mark.parametrize(
    ("replicas", "message"),
    [
        ("audit=2", "one SQLite file"),
        ("nats=3", "there is no service 'nats'"),
        ("ingest", "ingest=3"),
        ("ingest=0", "1 at least"),
        ("ingest=-1", "1 at least"),
        ("ingest=many", "1 at least"),
    ],
)
def test_invalid_replicas_are_refused(replicas: str, message: str) -> None:
    with pytest.raises(typer.BadParameter, match=message):
        read_replicas(replicas)


@pytest.mark.parametrize("victims", ["", " , ", "postgres", "ingest,nat"])
def test_unknown_victims_are_refused(victims: str) -> None:
    with pytest.raises(typer.BadParameter, match="ingest, orchestrator"):
        read_victims(victims)


@pytest.mark.parametrize("fault", ["partition", "delay", "disk", "stream", "clock"])
def test_a_suite_in_use_is_spared_what_it_is_not_made_for(fault: str, tmp_path: Path) -> None:
    with pytest.raises(typer.BadParameter, match=f"{fault} needs a suite of its own"):
        check_options(
            Settings(state=tmp_path), ["ingest"], ["kill", fault], runs=True, given=("a.b", "{}"), replicas=""
        )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["admin", "chaos", "--kill", "postgres"], "postgres"),
        (["admin", "chaos", "--faults", "flood"], "flood"),
        (["admin", "chaos", "--every", "soon"], "no duration"),
        (["admin", "chaos", "--within", "1y"], "no duration"),
        (["admin", "chaos", "--events", "0"], "greater than or equal to 1"),
        (["admin", "chaos", "--type", "a.b"], "running suite"),
        (["admin", "chaos", "--replicas", "audit=2"], "SQLite"),
        (["up", "--replicas", "ingest=0"], "1 at least"),
    ],
)
def test_invalid_options_exit_with_2(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner(env={"COLUMNS": "200"}).invoke(app, arguments)

    assert result.exit_code == 2
    assert message in result.output
