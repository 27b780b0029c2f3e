"""Histories that were recorded replay for ever, whatever is renamed, moved or mended since."""

from pathlib import Path
from typing import Final

import pytest
from opentelemetry import trace
from temporalio.contrib.opentelemetry import create_tracer_provider

from tests.replay.corpus import FILES, HISTORIES
from tests.replay.patches import BOTH_SIDES, patch_ids
from tests.replay.replaying import replay

_WITHIN: Final = 60  # seconds; a replay that differs may hang in temporalio 1.35 instead of failing

pytestmark = [
    pytest.mark.timeout(_WITHIN),
    pytest.mark.filterwarnings("ignore:.TMPRL1102"),  # older code left handlers unfinished
]


@pytest.fixture(autouse=True)
def tracing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trace as production does: spans inside of runs take part in what replays."""
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", create_tracer_provider(shutdown_on_exit=False))


@pytest.mark.parametrize("sandboxed", [True, False], ids=["sandboxed", "plain"])
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(HISTORIES).with_suffix("").as_posix())
async def test_runs_that_began_under_older_code_go_on_and_end_as_they_did(file: Path, *, sandboxed: bool) -> None:
    replayed = await replay(file, sandboxed=sandboxed)

    assert replayed.outcome == replayed.recorded


@pytest.mark.parametrize("patch_id", BOTH_SIDES)
async def test_both_sides_of_each_patch_are_recorded(patch_id: str) -> None:
    after, before = [await replay(HISTORIES / name, sandboxed=False) for name in BOTH_SIDES[patch_id]]

    assert (patch_id, True) in after.patches
    assert (patch_id, False) in before.patches


def test_no_patch_is_made_without_histories_of_both_of_its_sides() -> None:
    assert patch_ids() == BOTH_SIDES.keys()
