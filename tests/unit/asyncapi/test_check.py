"""The published contract files are compared with the code, on the command line too."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from perdure.asyncapi import VERSION, Difference, contract_files, differences, read_files
from perdure.cli.app import app

CODE = contract_files()
PROGRESS = "schemas/progress.json"
DECISIONS = "schemas/decisions.json"


def published_with(file: str, **properties: Any) -> dict[str, str]:
    """Return the files with other properties of one message; None removes a property."""
    schema = json.loads(CODE[file])
    schema["properties"] = {
        name: what for name, what in {**schema["properties"], **properties}.items() if what is not None
    }
    schema["required"] = [name for name in schema["required"] if name in schema["properties"]]
    return {**CODE, file: json.dumps(schema)}


def test_equal_files_have_no_differences() -> None:
    assert differences(CODE, CODE) == []


def test_removing_a_message_is_breaking() -> None:
    (difference,) = differences({**CODE, "schemas/moods.json": "{}"}, CODE)

    assert difference == Difference("schemas/moods.json", "is gone from the code.", breaking=True)


def test_a_new_message_is_not_breaking() -> None:
    published = {file: text for file, text in CODE.items() if file != PROGRESS}

    assert differences(published, CODE) == [Difference(PROGRESS, "is not published yet.")]


def test_removing_a_field_is_breaking() -> None:
    (difference,) = differences(published_with(PROGRESS, mood={"type": "string"}), CODE)

    assert difference == Difference(PROGRESS, "mood is gone: breaks old readers and writers.", breaking=True)


def test_a_new_field_is_breaking_only_if_it_is_required() -> None:
    assert [it.breaking for it in differences(published_with(PROGRESS, sequence=None), CODE)] == [True]
    assert [it.breaking for it in differences(published_with(PROGRESS, attempt=None), CODE)] == [False]


def test_perdure_may_accept_more_values_but_not_publish_more() -> None:
    accepted = differences(published_with(DECISIONS, comment={"type": "string", "maxLength": 9}), CODE)
    published = differences(published_with(PROGRESS, run_id={"type": "string", "maxLength": 9}), CODE)

    assert [it.breaking for it in accepted] == [False]
    assert [it.breaking for it in published] == [True]


def test_another_subject_is_breaking() -> None:
    document = CODE["asyncapi.json"].replace("progress.{workflow}.{workflow_id}", "progress.{workflow_id}")

    assert differences({**CODE, "asyncapi.json": document}, CODE) == [
        Difference(
            "asyncapi.json",
            "progress is published on progress.{workflow}.{workflow_id}, not on progress.{workflow_id}.",
            breaking=True,
        )
    ]


@pytest.mark.parametrize("file", ["asyncapi.json", PROGRESS])
def test_other_descriptions_are_reported_and_not_breaking(file: str) -> None:
    found = differences({**CODE, file: CODE[file].replace('"description": "', '"description": "Well: ')}, CODE)

    assert found == [Difference(file, "differs only in descriptions.")]


def test_a_file_that_is_not_json_is_reported() -> None:
    (difference,) = differences({**CODE, PROGRESS: "{"}, CODE)

    assert difference.sentence.startswith("is not JSON")


def run_contracts(*arguments: str | Path) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["admin", "contracts", *map(str, arguments)])
    return done.exit_code, done.output


def write(folder: Path, files: dict[str, str]) -> None:
    for file, text in files.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(text)


def test_exported_files_pass_the_check(tmp_path: Path) -> None:
    exit_code, output = run_contracts("export", "--to", tmp_path)

    assert exit_code == 0
    assert f"v{VERSION}/asyncapi.json: is not published yet." in output
    assert read_files(tmp_path / f"v{VERSION}") == CODE
    assert run_contracts("check", "--against", tmp_path) == (0, "")
    assert run_contracts("export", "--to", tmp_path) == (0, "")


def test_the_check_fails_when_the_code_has_more_fields(tmp_path: Path) -> None:
    write(tmp_path / f"v{VERSION}", published_with(PROGRESS, attempt=None))

    exit_code, output = run_contracts("check", "--against", tmp_path)

    assert exit_code == 1
    assert "progress.json: attempt is new." in output
    assert "perdure admin contracts export" in output


def test_a_breaking_change_is_not_written_without_a_new_version(tmp_path: Path) -> None:
    published = published_with(PROGRESS, mood={"type": "string"})
    write(tmp_path / f"v{VERSION}", published)

    exit_code, output = run_contracts("export", "--to", tmp_path)

    assert exit_code == 1
    assert "mood is gone" in output
    assert "VERSION" in output
    assert read_files(tmp_path / f"v{VERSION}") == published


def test_a_new_version_may_change_anything(tmp_path: Path) -> None:
    write(tmp_path / "v0", published_with(PROGRESS, mood={"type": "string"}))

    assert run_contracts("export", "--to", tmp_path)[0] == 0


def test_programs_read_the_differences_as_json(tmp_path: Path) -> None:
    write(tmp_path / f"v{VERSION}", published_with(PROGRESS, mood={"type": "string"}))

    _, output = run_contracts("check", "--against", tmp_path, "--json")

    assert json.loads(output.splitlines()[0]) == {
        "file": PROGRESS,
        "sentence": "mood is gone: breaks old readers and writers.",
        "breaking": True,
    }
