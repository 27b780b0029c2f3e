"""The JSON of a signal, update or query becomes the arguments of its handler: by name, or by place."""

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import BaseModel
from temporalio.contrib.pydantic import pydantic_data_converter

from perdure_orchestrator.interceptors.signal_arguments import SignalMismatch, bind_signal_arguments


class Item(BaseModel):
    name: str
    count: int = 1


def apply(options: dict[str, Any], dry: bool = False) -> None: ...


def add(item: Item, comment: str = "") -> None: ...


def pause(seconds: int = 1, reason: str = "") -> None: ...


def move(x: int, y: int) -> None: ...


def close() -> None: ...


@pytest.mark.parametrize(
    ("handler", "given", "expected"),
    [
        (apply, [{}], [{}, False]),
        (apply, [{"dry": True}], [{"dry": True}, False]),
        (apply, [{"options": {}, "dry": True}], [{}, True]),
        (apply, [{"options": {"dry": True}}], [{"dry": True}, False]),
        (apply, [{"other": 1}], [{"other": 1}, False]),
        (apply, [{}, True], [{}, True]),
        (add, [{"name": "hat"}], [Item(name="hat"), ""]),
        (add, [{"item": {"name": "hat"}, "comment": "red"}], [Item(name="hat"), "red"]),
        (pause, [], [1, ""]),
        (pause, [{}], [1, ""]),
        (pause, [{"reason": "tired"}], [1, "tired"]),
        (move, [{"x": 1, "y": 2}], [1, 2]),
        (close, [], []),
    ],
)
def test_what_fits_is_taken(handler: Callable[..., None], given: list[Any], expected: list[Any]) -> None:
    assert bind_signal_arguments(handler, given, pydantic_data_converter.payload_converter) == expected


@pytest.mark.parametrize(
    ("handler", "given"),
    [
        (add, [{}]),
        (add, [{"comment": "red"}]),
        (move, [{"x": 1}]),
        (move, [{}]),
        (move, [1]),
        (close, [{}]),
        (pause, [{"seconds": "many"}]),
    ],
)
def test_what_does_not_fit_is_refused(handler: Callable[..., None], given: list[Any]) -> None:
    with pytest.raises(SignalMismatch):
        bind_signal_arguments(handler, given, pydantic_data_converter.payload_converter)


def test_an_old_run_refuses_again_what_it_refused_before() -> None:
    with pytest.raises(SignalMismatch):
        bind_signal_arguments(apply, [{}], pydantic_data_converter.payload_converter, by_place=lambda: False)
