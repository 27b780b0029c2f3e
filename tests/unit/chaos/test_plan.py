"""A seed determines the plan of a chaos run."""

import json
from collections import Counter
from itertools import islice

from perdure.chaos.plan import VICTIMS, kill_order, plan_given, plan_probes


def test_the_events_depend_on_the_seed_alone() -> None:
    first, again = (plan_probes(500, 7, label="x") for _ in range(2))

    assert first == again
    assert first != plan_probes(500, 8, label="x")


def test_about_one_event_in_ten_is_invalid_and_one_in_ten_is_published_twice() -> None:
    planned = plan_probes(2_000, 7, label="x")
    outcomes = Counter(event.outcome for event in planned)
    copies = Counter(event.copies for event in planned if event.outcome == "run")

    assert 140 < outcomes["dead_letter"] < 260
    assert 120 < copies[2] < 250
    assert all(event.copies == 1 for event in planned if event.outcome == "dead_letter")
    assert len({event.id for event in planned}) == 2_000


def test_invalid_events_break_json_or_schema_and_valid_ones_fit() -> None:
    def fits(body: bytes) -> bool:
        try:
            data = json.loads(body)
        except ValueError:
            return False
        return isinstance(data.get("number"), int) and isinstance(data.get("words"), str)

    assert all(fits(event.body) == (event.outcome == "run") for event in plan_probes(500, 7, label="x"))


def test_a_given_event_is_published_unchanged_with_any_outcome() -> None:
    planned = plan_given(100, 7, label="x", type_="a.b", body=b'{"n": 1}')

    assert {(event.type, event.body, event.outcome) for event in planned} == {("a.b", b'{"n": 1}', None)}
    assert {event.copies for event in planned} == {1, 2}


def test_the_kill_order_depends_on_the_seed_alone_and_each_round_has_every_victim() -> None:
    first, again = (list(islice(kill_order(VICTIMS, 7), 30)) for _ in range(2))

    assert first == again
    assert first != list(islice(kill_order(VICTIMS, 8), 30))
    assert set(first[: len(VICTIMS)]) == set(VICTIMS)
