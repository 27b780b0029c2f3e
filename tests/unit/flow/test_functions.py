"""The description of function tools that workflow code sends to workers."""

from functools import partial

import pytest

from perdure.flow.functions import function_tools


def price(item: str, currency: str = "EUR") -> str:
    return f"{item} in {currency}"


class Shop:
    def close(self, hour: int) -> int:
        return hour

    @classmethod
    def opened(cls, hour: int) -> int:
        return hour


def test_a_partial_is_described_with_its_bound_arguments_and_the_name_of_its_function() -> None:
    tool = function_tools([partial(partial(price, "hat"), currency="USD")])["price"]

    assert (tool.path, tool.args, tool.named) == ("price", ("hat",), {"currency": "USD"})


def test_partials_of_one_function_may_be_named_apart() -> None:
    in_dollars = partial(price, currency="USD")
    in_dollars.__name__ = "price_in_dollars"  # type: ignore[attr-defined] # a partial takes any attribute

    assert list(function_tools([price, in_dollars])) == ["price", "price_in_dollars"]


def test_two_functions_with_one_name_are_refused_with_the_fix() -> None:
    with pytest.raises(TypeError, match="called price: set the __name__ of a partial"):
        function_tools([price, partial(price, currency="USD")])


def test_a_class_method_is_a_tool_and_a_bound_method_is_not() -> None:
    assert function_tools([Shop.opened])["opened"].path == "Shop.opened"
    with pytest.raises(TypeError, match="a method of an object"):
        function_tools([Shop().close])
