"""Each process computes the same digest for a request; otherwise a replayed run would refuse valid decisions."""

import os
import subprocess
import sys
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, Field, SecretStr

from perdure.contracts import content_digest  # noqa: F401 (imported by the subprocess)
from perdure.flow.reviewable_json import reviewable_json

ROOT = Path(__file__).parents[3]
LETTERS = frozenset("abcdefgh")


class Plan(BaseModel, frozen=True):
    tags: frozenset[str] = Field(default=LETTERS, serialization_alias="labels")
    secret: str = Field(default="s", exclude=True)
    token: SecretStr = SecretStr("t")


@dataclass(frozen=True)
class Draft:
    plan: Plan
    readers: tuple[frozenset[str], ...] = (LETTERS, LETTERS)


DETAILS = {
    "letters": set(LETTERS),
    "mixed": {"a", 1, None, ("b", 2)},
    "in each other": {LETTERS, frozenset({LETTERS, "z"}), ("t", LETTERS)},
    "draft": [Draft(Plan()), deque([LETTERS])],
    "in order": (2, 1),
}


SHOWN = [*"abcdefgh"]
SHOWN_DRAFT = {"plan": {"labels": SHOWN, "token": "**********"}, "readers": [SHOWN, SHOWN]}


def test_every_process_computes_the_same_digest_in_any_order_of_its_sets() -> None:
    def digest(hash_seed: int) -> str:
        program = (
            f"from {__name__} import DETAILS, content_digest, reviewable_json; "
            "print(content_digest('?', reviewable_json(DETAILS)))"
        )
        environment = {**os.environ, "PYTHONHASHSEED": str(hash_seed)}
        return subprocess.check_output([sys.executable, "-c", program], env=environment, cwd=ROOT, text=True)

    assert digest(1) == digest(2) == digest(3)


def test_sets_are_ordered_by_the_text_of_their_items_and_the_rest_is_as_pydantic_writes_it() -> None:
    assert reviewable_json(DETAILS) == {
        "letters": SHOWN,
        "mixed": ["a", 1, ["b", 2], None],
        "in each other": [SHOWN, ["t", SHOWN], ["z", SHOWN]],
        "draft": [SHOWN_DRAFT, [SHOWN]],
        "in order": [2, 1],
    }


@pytest.mark.parametrize("details", [iter(LETTERS), {"plans": {Plan(), Plan(token=SecretStr("u"))}}])
def test_details_without_a_stable_order_are_refused(details: Any) -> None:
    with pytest.raises(TypeError, match="order"):
        reviewable_json(details)
