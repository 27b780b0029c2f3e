"""Published files are held against the code, on the command line too."""

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


def edited(file: str, **properties: Any) -> dict[str, str]:
    """Give the files as if this message had had these fields too when it was published; none is a field it had not."""
    schema = json.loads(CODE[file])
    schema["properties"] = {
        name: what for name, what in {**schema["properties"], **properties}.items() if what is not None
    }
    schema["required"] = [name for name in schema["required"] if name in schema["properties"]]
    return {**CODE, file: json.dumps(schema)}


def test_what_is_the_same_has_no_differences() -> None:
    assert differences(CODE, CODE) == []


def test_a_message_that_is_gone_breaks_others() -> None:
    (difference,) = differences({**CODE, "schemas/moods.json": "{}"}, CODE)

    assert difference == Difference("schemas/moods.json", "is gone from the code.", breaking=True)


def test_a_new_message_breaks_nobody() -> None:
    published = {file: text for file, text in CODE.items() if file != PROGRESS}

    assert differences(published, CODE) == [Difference(PROGRESS, "is not published yet.")]


def test_a_field_that_is_gone_breaks_others() -> None:
    (difference,) = differences(edited(PROGRESS, mood={"type": "string"}), CODE)

    assert difference == Difference(PROGRESS, "mood is gone: breaks old readers and writers.", breaking=True)


def test_a_new_field_breaks_others_only_if_it_is_required() -> None:
    assert [it.breaking for it in differences(edited(PROGRESS, sequence=None), CODE)] == [True]
    assert [it.breaking for it in differences(edited(PROGRESS, attempt=None), CODE)] == [False]


def test_perdure_may_learn_to_take_more_but_not_to_say_more() -> None:
    taken = differences(edited(DECISIONS, comment={"type": "string", "maxLength": 9}), CODE)
    said = differences(edited(PROGRESS, run_id={"type": "string", "maxLength": 9}), CODE)

    assert [it.breaking for it in taken] == [False]
    assert [it.breaking for it in said] == [True]


def test_another_subject_breaks_others() -> None:
    document = CODE["asyncapi.json"].replace("progress.{workflow}.{workflow_id}", "progress.{workflow_id}")

    assert differences({**CODE, "asyncapi.json": document}, CODE) == [
        Difference(
            "asyncapi.json",
            "progress is said on progress.{workflow}.{workflow_id}, not on progress.{workflow_id}.",
            breaking=True,
        )
    ]


@pytest.mark.parametrize("file", ["asyncapi.json", PROGRESS])
def test_other_words_are_told_and_break_nobody(file: str) -> None:
    differing = differences({**CODE, file: CODE[file].replace('"description": "', '"description": "Well: ')}, CODE)

    assert differing == [Difference(file, "differs in nothing that a program reads.")]


def test_a_file_that_is_no_json_is_told() -> None:
    (difference,) = differences({**CODE, PROGRESS: "{"}, CODE)

    assert difference.sentence.startswith("is no JSON")


def call(*words: str | Path) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["contracts", *map(str, words)])
    return done.exit_code, done.output


def write(folder: Path, files: dict[str, str]) -> None:
    for file, text in files.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(text)


def test_what_was_exported_passes_the_check(tmp_path: Path) -> None:
    exported, said = call("export", "--to", tmp_path)

    assert exported == 0
    assert f"v{VERSION}/asyncapi.json: is not published yet." in said
    assert read_files(tmp_path / f"v{VERSION}") == CODE
    assert call("check", "--against", tmp_path) == (0, "")
    assert call("export", "--to", tmp_path) == (0, "")


def test_the_check_fails_when_the_code_says_more(tmp_path: Path) -> None:
    write(tmp_path / f"v{VERSION}", edited(PROGRESS, attempt=None))

    code, said = call("check", "--against", tmp_path)

    assert code == 1
    assert "progress.json: attempt is new." in said
    assert "perdure contracts export" in said


def test_what_would_break_others_is_not_written_without_a_new_version(tmp_path: Path) -> None:
    published = edited(PROGRESS, mood={"type": "string"})
    write(tmp_path / f"v{VERSION}", published)

    code, said = call("export", "--to", tmp_path)

    assert code == 1
    assert "mood is gone" in said
    assert "VERSION" in said
    assert read_files(tmp_path / f"v{VERSION}") == published


def test_a_new_version_may_be_anything(tmp_path: Path) -> None:
    write(tmp_path / "v0", edited(PROGRESS, mood={"type": "string"}))

    assert call("export", "--to", tmp_path)[0] == 0


def test_programs_read_the_differences_as_json(tmp_path: Path) -> None:
    write(tmp_path / f"v{VERSION}", edited(PROGRESS, mood={"type": "string"}))

    _, said = call("check", "--against", tmp_path, "--json")

    assert json.loads(said.splitlines()[0]) == {
        "file": PROGRESS,
        "sentence": "mood is gone: breaks old readers and writers.",
        "breaking": True,
    }
