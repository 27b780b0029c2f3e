"""The functions that expressions may call: those of the `cel` package, each once in a form that works."""

from datetime import UTC, datetime, timedelta
from typing import Final

import cel
import pytest

from perdure.values.cel_functions import CEL_FUNCTIONS, unknown_function

_CALLS: Final = {
    "size": "size('a')",
    "contains": "'a'.contains('a')",
    "startsWith": "'a'.startsWith('a')",
    "endsWith": "'a'.endsWith('a')",
    "matches": "'a'.matches('a')",
    "string": "string(1)",
    "bytes": "bytes('a')",
    "int": "int('1')",
    "uint": "uint(1)",
    "double": "double(1)",
    "type": "type(1)",
    "dyn": "dyn(1)",
    "timestamp": "timestamp('2026-01-01T00:00:00Z')",
    "duration": "duration('1s')",
}


@pytest.mark.parametrize("name", sorted(CEL_FUNCTIONS))
def test_the_library_has_each_function(name: str) -> None:
    call = _CALLS.get(name, f"t.{name}()")

    program = cel.compile(call)

    assert unknown_function(program.functions()) == ""
    assert program.execute(cel.Context({"t": datetime.now(UTC), "d": timedelta(seconds=1)})) is not None


@pytest.mark.parametrize("call", ["foo(1)", "'a'.lowerAscii()", "max(1, 2)", "data.x == 1 || 'a'.startswith('b')"])
def test_what_the_library_lacks_is_unknown(call: str) -> None:
    program = cel.compile(call)

    assert unknown_function(program.functions())
    with pytest.raises(RuntimeError, match="Undefined variable or function"):
        program.execute({"data": {"x": 2}})


@pytest.mark.parametrize("text", ["a.exists(x, x > 1)", "a in b ? -c : d[0] + 1", "has(a.b) || {'a': 1}.all(k, !k)"])
def test_operators_and_macros_are_no_functions(text: str) -> None:
    assert unknown_function(cel.compile(text).functions()) == ""
