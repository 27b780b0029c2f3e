"""What is recorded stays as it is: a change that needs other histories needs ``workflow.patched`` instead."""

from tests.replay.corpus import SUMS, digest_of, listed_sums, recorded_files


def test_no_recorded_file_has_changed_or_is_missing_or_unlisted() -> None:
    found = {name: digest_of(file) for name, file in recorded_files().items()}

    assert found == listed_sums()


def test_there_is_plenty_to_replay() -> None:
    assert len([name for name in listed_sums() if name.endswith(".json")]) >= 130


def test_the_list_is_one_that_sha256sum_checks() -> None:
    assert SUMS.read_text() == "".join(f"{digest}  {name}\n" for name, digest in sorted(listed_sums().items()))
