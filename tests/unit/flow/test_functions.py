"""Functions that are to be tools, as workflow code tells them to workers."""

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


def test_a_partial_is_told_with_what_it_binds_under_the_functions_name() -> None:
    tool = function_tools([partial(partial(price, "hat"), currency="USD")])["price"]

    assert (tool.path, tool.args, tool.named) == ("price", ("hat",), {"currency": "USD"})


def test_partials_of_one_function_have_names_of_their_own_if_they_are_given_some() -> None:
    in_dollars = partial(price, currency="USD")
    in_dollars.__name__ = "price_in_dollars"  # type: ignore[attr-defined] # it takes any

    assert list(function_tools([price, in_dollars])) == ["price", "price_in_dollars"]


def test_two_functions_of_one_name_are_refused_with_what_to_do() -> None:
    with pytest.raises(TypeError, match="called price: set the __name__ of a partial"):
        function_tools([price, partial(price, currency="USD")])


def test_a_class_method_is_a_tool_and_a_method_of_an_object_is_none() -> None:
    assert function_tools([Shop.opened])["opened"].path == "Shop.opened"
    with pytest.raises(TypeError, match="a method of an object"):
        function_tools([Shop().close])
