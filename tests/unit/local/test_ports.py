import socket
from collections.abc import Iterator

import pytest

from perdure.errors import SetupError
from perdure.local.ports import choose_ports, is_free


@pytest.fixture
def taken() -> Iterator[int]:
    """A port where somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as holder:
        yield holder.getsockname()[1]


@pytest.fixture
def free() -> list[int]:
    """Ports where nobody listens, each another."""
    ports = choose_ports(dict.fromkeys(("a", "b", "c"), 0), remembered={}, asked={})
    return list(ports.values())


def test_the_standard_port_is_taken_if_nothing_speaks_against_it(free: list[int]) -> None:
    assert choose_ports({"nats": free[0]}, remembered={}, asked={}) == {"nats": free[0]}


def test_a_suite_is_found_again_where_it_was(free: list[int]) -> None:
    assert choose_ports({"nats": free[0]}, remembered={"nats": free[1]}, asked={}) == {"nats": free[1]}


def test_what_is_asked_for_wins(free: list[int]) -> None:
    chosen = choose_ports({"nats": free[0]}, remembered={"nats": free[1]}, asked={"nats": free[2]})

    assert chosen == {"nats": free[2]}


def test_what_is_asked_for_and_taken_is_told(free: list[int], taken: int) -> None:
    with pytest.raises(SetupError, match=f"Port {taken}, asked for nats, is taken"):
        choose_ports({"nats": free[0]}, remembered={}, asked={"nats": taken})


def test_a_port_that_is_asked_for_one_part_is_no_other_parts_standard_one(free: list[int]) -> None:
    standard = {"nats": free[0], "temporal": free[1]}

    chosen = choose_ports(standard, remembered={}, asked={"temporal": free[0]})

    assert chosen["temporal"] == free[0]
    assert chosen["nats"] not in {free[0], free[1]}


def test_a_port_that_is_asked_for_twice_is_told_with_both_parts(free: list[int]) -> None:
    standard = {"nats": free[0], "temporal": free[1]}

    with pytest.raises(SetupError, match=f"Port {free[2]} is asked for twice, for nats and for temporal"):
        choose_ports(standard, remembered={}, asked=dict.fromkeys(standard, free[2]))


def test_a_remembered_port_that_is_taken_gives_way_to_the_standard_one(free: list[int], taken: int) -> None:
    assert choose_ports({"nats": free[0]}, remembered={"nats": taken}, asked={}) == {"nats": free[0]}


def test_where_the_standard_port_is_taken_too_any_free_one_will_do(taken: int) -> None:
    chosen = choose_ports({"nats": taken}, remembered={"nats": taken}, asked={})

    assert chosen["nats"] != taken
    assert is_free(chosen["nats"])


def test_no_two_parts_get_the_same_port(free: list[int]) -> None:
    standard = {"nats": free[0], "temporal": free[0], "ingest": 0, "audit": 0}

    chosen = choose_ports(standard, remembered=dict.fromkeys(standard, free[1]), asked={})

    assert chosen["nats"] == free[1]
    assert chosen["temporal"] == free[0]
    assert len(set(chosen.values())) == len(standard)


def test_a_port_is_free_until_somebody_listens_there(free: list[int]) -> None:
    assert is_free(free[0])
    with socket.create_server(("127.0.0.1", free[0])):
        assert not is_free(free[0])
