import json
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from traceback import format_exception

import pytest

from perdure.values.author_code import author_place, place_in_text, short_path
from perdure.values.duration import parse_duration


@pytest.fixture
def orders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], object]:
    """Return the function of a module in a package that the author has written."""
    monkeypatch.syspath_prepend(tmp_path)
    package = tmp_path / "shop_of_a_test"
    package.mkdir()
    (package / "orders.py").write_text("import json\n\n\ndef read(text):\n    return json.loads(text)['name']\n")
    monkeypatch.delitem(sys.modules, "shop_of_a_test.orders", raising=False)
    read: Callable[[str], object] = import_module("shop_of_a_test.orders").read
    return read


@pytest.mark.parametrize("text", ["{}", "not JSON"], ids=["own line", "line of a library below it"])
def test_the_place_is_the_last_line_of_the_author(orders: Callable[[str], object], text: str) -> None:
    with pytest.raises((KeyError, json.JSONDecodeError)) as raised:
        orders(text)

    assert author_place(raised.value) == "shop_of_a_test/orders.py:5"
    assert place_in_text("".join(format_exception(raised.value))) == "shop_of_a_test/orders.py:5"


def test_a_line_of_perdure_is_nobodys() -> None:
    with pytest.raises(ValueError, match="no duration") as raised:
        parse_duration("soon")
    assert raised.value.__traceback__ is not None
    inside = raised.value.with_traceback(raised.value.__traceback__.tb_next)

    assert author_place(inside) is None


def test_a_syntax_error_has_the_place_that_it_names(tmp_path: Path) -> None:
    file = tmp_path / "broken.py"
    with pytest.raises(SyntaxError) as raised:
        compile("a = 1\ndef b(:\n", str(file), "exec")

    assert author_place(raised.value) == f"{file}:2"


def test_a_path_is_shown_below_the_folder_from_which_it_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", ["/srv", "/srv/team"])

    assert short_path("/srv/team/shop/orders.py") == "shop/orders.py"
    assert short_path("/opt/shop/orders.py") == "/opt/shop/orders.py"


def test_a_traceback_of_another_machine_has_its_libraries_elsewhere() -> None:
    trace = "\n".join(
        f'  File "{file}", line {line}, in run'
        for line, file in enumerate(
            [
                "/srv/app/orders.py",
                "/opt/v/lib/python3.13/site-packages/shop/api.py",
                "/opt/v/lib/python3.13/json/decoder.py",
            ],
            start=41,
        )
    )

    assert place_in_text(trace) == "/srv/app/orders.py:41"
    assert place_in_text(trace, {"shop"}) == "/opt/v/lib/python3.13/site-packages/shop/api.py:42"
