"""What is recorded stays as it is: a change that needs other histories needs ``workflow.patched`` instead."""

from pathlib import Path

import pytest

from tests.replay.corpus import HISTORIES
from tests.replay.state_folder import ARCHIVES
from tests.replay.sums import SUMS, found_sums, listed_sums

EACH = pytest.mark.parametrize("folder", [HISTORIES, ARCHIVES], ids=lambda folder: folder.name)


@EACH
def test_no_recorded_file_has_changed_or_is_missing_or_unlisted(folder: Path) -> None:
    assert found_sums(folder) == listed_sums(folder)


@EACH
def test_the_list_is_one_that_sha256sum_checks(folder: Path) -> None:
    lines = [f"{digest}  {name}\n" for name, digest in sorted(listed_sums(folder).items())]

    assert (folder / SUMS).read_text() == "".join(lines)


def test_there_is_plenty_to_replay() -> None:
    assert len([name for name in listed_sums(HISTORIES) if name.endswith(".json")]) >= 146
