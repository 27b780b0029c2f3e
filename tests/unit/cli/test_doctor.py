"""``perdure doctor`` where no suite runs, and where a stranger answers instead of the suite."""

import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from perdure.cli.app import app
from perdure.cli.check_suite import check_suite
from perdure.cli.finding import Finding
from perdure.config.settings import Settings
from perdure.local.state import Endpoints, State
from tests.support.ports import free_port
from tests.support.strangers import greeting, http, ready, stranger


@pytest.fixture(autouse=True)
def no_suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PERDURE_NATS__SERVERS", '["nats://127.0.0.1:1"]')
    monkeypatch.setenv("PERDURE_APPROVALS__APPROVERS", "people.yaml")


@pytest.fixture
def suite() -> Iterator[Endpoints]:
    """The endpoints of a running suite on which nothing listens yet."""
    state = State(Path(".perdure"))
    with state.locked():
        endpoints = Endpoints(
            pid=os.getpid(),
            instance="ours",
            nats=f"nats://127.0.0.1:{free_port()}",
            temporal="127.0.0.1:1",
            services={"ingest": f"http://127.0.0.1:{free_port()}"},
            pids={},
        )
        state.write_endpoints(endpoints)
        yield endpoints


def port(url: str) -> int:
    return int(url.rpartition(":")[2])


def findings() -> dict[str, dict[str, Any]]:
    result = CliRunner().invoke(app, ["doctor", "--json"], catch_exceptions=False)
    assert result.exit_code == 1, "there is no NATS"
    return {finding["what"]: finding for finding in map(json.loads, result.stdout.splitlines())}


async def checked() -> dict[str, Finding]:
    return {finding.what: finding for finding in await check_suite(Settings())}


def test_the_approvers_are_counted() -> None:
    Path("people.yaml").write_text("approvers: {ada: {keys: []}}")

    assert findings()["approvers"] == {"what": "approvers", "good": True, "detail": "people.yaml knows 1"}


def test_an_unreadable_approvers_file_is_a_bad_finding() -> None:
    Path("people.yaml").write_text("approvers: [ada]")

    found = findings()["approvers"]

    assert not found["good"]
    assert "people.yaml is wrong: approvers" in found["detail"]
    assert ". Until then no decision is judged and no request expires. Fix the file" in found["detail"]
    assert ".. " not in found["detail"]


def test_a_policy_that_cannot_work_is_a_bad_finding() -> None:
    Path("people.yaml").write_text("approvers: {ada: {keys: []}}")
    Path("perdure.yaml").write_text("approvals: {policies: {DocumentAnalysys: {}}}")

    result = CliRunner().invoke(app, ["doctor"], catch_exceptions=False)

    assert "approvals.policies.DocumentAnalysys: no module registers a workflow DocumentAnalysys" in result.stdout
    assert "1 must approve, and nobody can: add people" in result.stdout


def test_modules_that_cannot_be_read_are_a_bad_finding_and_the_policies_are_checked_all_the_same() -> None:
    Path("people.yaml").write_text("approvers: {ada: {keys: []}}")
    Path("perdure.yaml").write_text("workflows: [nowhere]\napprovals: {policies: {Any: {people: [bob]}}}")

    result = CliRunner().invoke(app, ["doctor", "--json"], catch_exceptions=False)

    found = [it["detail"] for it in map(json.loads, result.stdout.splitlines()) if it["what"] == "configuration"]
    assert any("perdure.yaml:1: The workflow module nowhere cannot be imported" in detail for detail in found)
    assert any("perdure.yaml:2: approvals.policies.Any: the approvers file knows no bob" in detail for detail in found)


async def test_a_service_of_another_suite_is_not_called_ready(suite: Endpoints) -> None:
    async with stranger(ready("theirs"), port=port(suite.services["ingest"])):
        found = (await checked())["service ingest"]

    assert not found.good
    assert "it is not this suite's but that of another folder: see .perdure/logs/ingest.log" in found.detail


@pytest.mark.parametrize("answer", [http(b"ok"), http(b"{}", "404 Not Found"), b"SSH-2.0\r\n"])
async def test_a_port_on_which_something_else_answers_is_a_bad_finding(suite: Endpoints, answer: bytes) -> None:
    async with stranger(answer, port=port(suite.services["ingest"])):
        found = (await checked())["service ingest"]

    assert (found.good, "is no service of Perdure" in found.detail) == (False, True)


async def test_an_own_service_is_ready_or_says_what_it_waits_for(suite: Endpoints) -> None:
    async with stranger(ready("ours"), port=port(suite.services["ingest"])):
        is_ready = (await checked())["service ingest"]
    async with stranger(ready("ours", "temporal"), port=port(suite.services["ingest"])):
        waits = (await checked())["service ingest"]

    assert (is_ready.good, waits.good) == (True, False)
    assert waits.detail.endswith("it waits for: temporal")


@pytest.mark.parametrize(
    ("name", "house"), [("perdure-theirs", "another suite"), ("perdure", "another suite"), ("hub", "no suite")]
)
async def test_a_nats_server_of_another_house_is_a_bad_finding(suite: Endpoints, name: str, house: str) -> None:
    async with stranger(greeting(name), port=port(suite.nats), waits=False):
        found = (await checked())["nats"]

    assert not found.good
    assert f"is not this suite's server ({house})" in found.detail


async def test_a_nats_server_that_does_not_answer_is_not_called_foreign(
    suite: Endpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("perdure.cli.check_suite._PATIENCE", 0.1)
    with socket.create_server(("127.0.0.1", port(suite.nats))):
        found = (await checked())["nats"]

    assert not found.good
    assert found.detail.startswith(f"the server at {suite.nats} does not answer within 0.1 s")


async def test_without_a_suite_the_finding_says_who_answers_at_the_standard_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("PERDURE_NATS__SERVERS")
    async with stranger(greeting("perdure-theirs"), waits=False) as where:
        nats = Settings().nats.model_copy(update={"servers": (f"nats://{where}",)})
        nats = nats.model_construct(_fields_set=set(), **nats.model_dump())
        found = {it.what: it for it in await check_suite(Settings().model_copy(update={"nats": nats}))}["suite"]

    assert not found.good
    assert "No suite runs in this folder (looked for .perdure in" in found.detail
    assert f"The NATS server at nats://{where} belongs to the suite of another folder." in found.detail
