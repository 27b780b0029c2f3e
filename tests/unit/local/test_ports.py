import socket
from collections.abc import Iterator

import pytest

from perdure.errors import SetupError
from perdure.local.ports import Requested, choose_ports, is_free


@pytest.fixture
def taken() -> Iterator[int]:
    """A port on which a socket listens."""
    with socket.create_server(("127.0.0.1", 0)) as holder:
        yield holder.getsockname()[1]


@pytest.fixture
def free() -> list[int]:
    """Three different free ports."""
    ports = choose_ports(dict.fromkeys(("a", "b", "c"), 0), remembered={}, requested={})
    return list(ports.values())


def test_the_standard_port_is_the_default(free: list[int]) -> None:
    assert choose_ports({"nats": free[0]}, remembered={}, requested={}) == {"nats": free[0]}


def test_a_remembered_port_comes_before_the_standard_one(free: list[int]) -> None:
    assert choose_ports({"nats": free[0]}, remembered={"nats": free[1]}, requested={}) == {"nats": free[1]}


def test_a_requested_port_comes_first(free: list[int]) -> None:
    chosen = choose_ports(
        {"nats": free[0]}, remembered={"nats": free[1]}, requested={"nats": Requested(free[2], "--nats-port")}
    )

    assert chosen == {"nats": free[2]}


def test_a_requested_port_that_is_taken_is_refused(free: list[int], taken: int) -> None:
    with pytest.raises(SetupError, match=f"Port {taken}, requested for nats by --nats-port, is taken"):
        choose_ports({"nats": free[0]}, remembered={}, requested={"nats": Requested(taken, "--nats-port")})


def test_a_requested_port_is_not_given_to_another_program_as_its_standard_port(free: list[int]) -> None:
    standard = {"nats": free[0], "temporal": free[1]}

    chosen = choose_ports(standard, remembered={}, requested={"temporal": Requested(free[0], "--temporal-port")})

    assert chosen["temporal"] == free[0]
    assert chosen["nats"] not in {free[0], free[1]}


def test_a_port_requested_twice_is_refused_with_both_names(free: list[int]) -> None:
    standard = {"nats": free[0], "temporal": free[1]}

    with pytest.raises(SetupError, match=rf"Port {free[2]} is requested for both nats \(a\) and temporal \(a\)"):
        choose_ports(standard, remembered={}, requested=dict.fromkeys(standard, Requested(free[2], "a")))


def test_a_remembered_port_that_is_taken_is_replaced_by_the_standard_one(free: list[int], taken: int) -> None:
    assert choose_ports({"nats": free[0]}, remembered={"nats": taken}, requested={}) == {"nats": free[0]}


def test_any_free_port_is_used_if_the_standard_one_is_taken_too(taken: int) -> None:
    chosen = choose_ports({"nats": taken}, remembered={"nats": taken}, requested={})

    assert chosen["nats"] != taken
    assert is_free(chosen["nats"])


def test_no_two_programs_get_the_same_port(free: list[int]) -> None:
    standard = {"nats": free[0], "temporal": free[0], "ingest": 0, "audit": 0}

    chosen = choose_ports(standard, remembered=dict.fromkeys(standard, free[1]), requested={})

    assert chosen["nats"] == free[1]
    assert chosen["temporal"] == free[0]
    assert len(set(chosen.values())) == len(standard)


def test_a_port_is_free_until_a_socket_listens_on_it(free: list[int]) -> None:
    assert is_free(free[0])
    with socket.create_server(("127.0.0.1", free[0])):
        assert not is_free(free[0])
