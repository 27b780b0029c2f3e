"""``perdure routes list``: the routes under the names that commands and run ids have."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from perdure.cli.app import app


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
