"""A seed determines the plan of a chaos run."""

import json
from collections import Counter
from itertools import islice

from perdure.chaos.plan import LIMITED, PROBES, VICTIMS, plan_given, plan_mixture, plan_wave
from perdure.chaos.routes import CONFIGURATION
from perdure.chaos.strike import DURATIONS, strike_order


def test_the_events_depend_on_the_seed_alone() -> None:
    first, again = (plan_mixture(500, 7, label="x") for _ in range(2))

    assert first == again
    assert first != plan_mixture(500, 8, label="x")


def test_some_probes_are_invalid_and_one_good_event_in_ten_is_published_twice() -> None:
    planned = plan_mixture(2_000, 7, label="x")
    outcomes = Counter(event.outcome for event in planned if event.type in PROBES)
    copies = Counter(event.copies for event in planned if event.outcome != "dead_letter")

    assert 0.1 < outcomes["dead_letter"] / outcomes.total() < 0.2
    assert 0.07 < copies[2] / copies.total() < 0.13
    assert all(event.copies == 1 for event in planned if event.outcome == "dead_letter")
    assert len({event.id for event in planned}) == len(planned) == 2_000


def test_every_route_gets_events_and_every_event_has_a_route() -> None:
    planned = plan_mixture(2_000, 7, label="x")

    assert {event.type for event in planned} == {route["on"] for route in CONFIGURATION["routes"]}


def test_a_box_gets_each_of_its_items_once_and_after_it_began() -> None:
    for count in range(1, 60):
        boxes: dict[str, list[int]] = {}
        for event in plan_mixture(count, 7, label="x"):
            if event.type == "chaos.box":
                boxes[event.id] = []
                assert json.loads(event.signal or b"") == {"item": 3}
                assert json.loads(event.body)["items"] == 4
            elif event.type == "chaos.item":
                data = json.loads(event.body)
                boxes[data["box"]].append(data["item"])

        assert all(items == [0, 1, 2] for items in boxes.values()), count


def test_invalid_events_break_json_or_schema_and_valid_ones_fit() -> None:
    def fits(body: bytes) -> bool:
        try:
            data = json.loads(body)
        except ValueError:
            return False
        return isinstance(data.get("number"), int) and isinstance(data.get("words"), str)

    probes = [event for event in plan_mixture(500, 7, label="x") if event.type in PROBES]
    assert all(fits(event.body) == (event.outcome == "run") for event in [*probes, *plan_wave(3, label="x")])


def test_a_wave_must_start_at_once() -> None:
    assert {(it.type, it.expected.at_once, it.ending) for it in plan_wave(3, label="x")} == {
        (LIMITED, True, "completed")
    }


def test_a_given_event_is_published_unchanged_with_any_outcome() -> None:
    planned = plan_given(100, 7, label="x", type_="a.b", body=b'{"n": 1}')

    assert {(event.type, event.body, event.outcome) for event in planned} == {("a.b", b'{"n": 1}', None)}
    assert {event.copies for event in planned} == {1, 2}


def test_the_strikes_depend_on_the_seed_alone_and_each_round_has_every_target() -> None:
    targets = {"kill": VICTIMS, "stall": VICTIMS}
    first, again = (list(islice(strike_order(targets, 7), 30)) for _ in range(2))

    assert first == again
    assert first != list(islice(strike_order(targets, 8), 30))
    assert {(it.fault, it.target) for it in first[:12]} == {(fault, it) for fault in targets for it in VICTIMS}


def test_every_fault_is_over_soon() -> None:
    strikes = islice(strike_order({fault: ["x"] for fault in DURATIONS}, 7), 500)

    assert all(DURATIONS[it.fault][0] <= it.seconds <= DURATIONS[it.fault][1] <= 10 for it in strikes)
