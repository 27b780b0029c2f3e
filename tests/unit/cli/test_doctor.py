"""``perdure doctor`` where no suite runs."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from perdure.cli.app import app


@pytest.fixture(autouse=True)
def no_suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PERDURE_NATS__SERVERS", '["nats://127.0.0.1:1"]')
    monkeypatch.setenv("PERDURE_APPROVALS__APPROVERS", "people.yaml")


def findings() -> dict[str, dict[str, Any]]:
    result = CliRunner().invoke(app, ["doctor", "--json"], catch_exceptions=False)
    assert result.exit_code == 1, "there is no NATS"
    return {finding["what"]: finding for finding in map(json.loads, result.stdout.splitlines())}


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
