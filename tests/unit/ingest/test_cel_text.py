import cel
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.values.cel_tokens import macro_variables
from perdure_ingest.cel_text import split_conjuncts, variable_paths

LITERALS = ["'&&'", '"("', "r'\\'", '"""a " && """', "'''b ' ('''", r"'it\'s && so'", 'r"""\\"""', "b'&&'", "[1, 2]"]


@pytest.mark.parametrize(
    ("text", "conjuncts"),
    [
        ("data.a", ("data.a",)),
        ("data.a && data.b&&!data.c", ("data.a", "data.b", "!data.c")),
        ("(data.a && data.b) && data.c", ("(data.a && data.b)", "data.c")),
        ("data.a && [true && false, true][0]", ("data.a", "[true && false, true][0]")),
        ("{'k': true && false} == {} && data.b", ("{'k': true && false} == {}", "data.b")),
        ("data.a && data.b || data.c", ("data.a && data.b || data.c",)),
        ("data.a && data.b ? true : false", ("data.a && data.b ? true : false",)),
        ("data.a && (data.b || data.c)", ("data.a", "(data.b || data.c)")),
        ("data.a == '&& (' && data.b", ("data.a == '&& ('", "data.b")),
        (r"data.a == 'it\'s &&' && data.b", (r"data.a == 'it\'s &&'", "data.b")),
        (r"data.a == r'\' && data.b", (r"data.a == r'\'", "data.b")),
        ('data.a == """x " && """ && data.b', ('data.a == """x " && """', "data.b")),
        ("data.a // (x && y\n && data.b", ("data.a // (x && y", "data.b")),
    ],
)
def test_a_conjunction_is_split_at_its_top_level_only(text: str, conjuncts: tuple[str, ...]) -> None:
    assert split_conjuncts(text) == conjuncts


@given(st.lists(st.tuples(st.sampled_from(LITERALS), st.booleans()), min_size=1, max_size=5))
def test_every_conjunct_is_an_expression_of_its_own(parts: list[tuple[str, bool]]) -> None:
    conjuncts = [f"({literal} == {literal})" if nested else f"{literal} == {literal}" for literal, nested in parts]

    split = split_conjuncts(" && ".join(conjuncts))

    assert list(split) == conjuncts
    assert all(cel.evaluate(conjunct) is True for conjunct in split)


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("data.a.b < 500", ["data.a.b"]),
        ("data . a == data.a", ["data.a"]),
        ("data.path.startsWith(data.prefix)", ["data.path", "data.prefix"]),
        ("headers['x-tenant'] == 'data.x'", ["headers['x-tenant']"]),
        ("data.items[0].name == subject", ["data.items[0].name", "subject"]),
        ("data.items[data.index] == 1", ["data.items", "data.index"]),
        ("data.items.exists(x, x.id == 1)", ["data.items"]),
        ("has(data.a) && size(data.b) > 1 && type(data.c) == string", ["data.a", "data.b", "data.c"]),
        ("data.data.type == 1", ["data.data.type"]),
        ("true // data.a", []),
    ],
)
def test_the_variables_that_an_expression_reads_are_found(text: str, paths: list[str]) -> None:
    assert [path.text for path in variable_paths(text)] == paths


@pytest.mark.parametrize(
    ("text", "variables"),
    [
        ("data.items.exists (x, x > 1)", {"x"}),
        ("data.items . all( // each\n y, y > 1)", {"y"}),
        ("data.x == '.exists(z, z)'", set()),
    ],
)
def test_the_variables_that_macros_define_are_found(text: str, variables: set[str]) -> None:
    assert macro_variables(text) == variables
