from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field, JsonValue, create_model

from perdure.asyncapi.compatibility import breaking_changes, changes

Pattern = Annotated[str, Field(pattern="^a")]


class Inner(BaseModel):
    kept: int
    lost: int = 0


class InnerLater(BaseModel):
    kept: int


class Other(BaseModel):
    word: str


def schema(annotation: Any, default: Any = ...) -> dict[str, Any]:
    return create_model("Body", field=(annotation, default)).model_json_schema()


def sentences(old: dict[str, Any], new: dict[str, Any], *, external: bool = False) -> list[str]:
    return [str(change) for change in breaking_changes(old, new, external=external)]


BREAKS_WRITERS = [
    pytest.param(int | str, int, "field can no longer be string", id="a member of a union is gone"),
    pytest.param(int | None, int, "field can no longer be null", id="null is gone"),
    pytest.param(float, int, "field can no longer be number", id="a number must be whole"),
    pytest.param(JsonValue, str, "field can no longer be anything", id="any JSON became a string"),
    pytest.param(Literal["a", "b"], Literal["a"], 'field can no longer be "b"', id="an enum value is gone"),
    pytest.param(str, Literal["a", "b"], 'field can only be "a", "b" now', id="a string became an enumeration"),
    pytest.param(Annotated[int, Field(ge=1)], Annotated[int, Field(ge=2)], "minimum 2, had 1", id="the minimum rose"),
    pytest.param(int, Annotated[int, Field(le=9)], "maximum 9, had None", id="a maximum was set"),
    pytest.param(Annotated[int, Field(lt=9)], Annotated[int, Field(lt=5)], "exclusiveMaximum 5", id="the maximum fell"),
    pytest.param(str, Annotated[str, Field(min_length=1)], "minLength 1", id="it must not be empty"),
    pytest.param(str, Annotated[str, Field(max_length=9)], "maxLength 9", id="it must be short"),
    pytest.param(str, Pattern, "has pattern ^a, had None", id="it must fit a pattern"),
    pytest.param(
        str, Annotated[str, Field(json_schema_extra={"format": "date-time"})], "format", id="a format was set"
    ),
    pytest.param(tuple[int | str, ...], tuple[int, ...], "field[] can no longer be string", id="items were narrowed"),
    pytest.param(dict[str, int | str], dict[str, int], "field.* can no longer be string", id="values were narrowed"),
    pytest.param(InnerLater | Other, InnerLater, "field can no longer be object Other", id="one object of two is gone"),
]

BREAKS_READERS = [pytest.param(*reversed(case.values[:2]), id=f"not: {case.id}") for case in BREAKS_WRITERS]


@pytest.mark.parametrize("external", [True, False])
@pytest.mark.parametrize(("old", "new", "sentence_part"), BREAKS_WRITERS)
def test_a_narrower_type_breaks_writers(old: Any, new: Any, sentence_part: str, *, external: bool) -> None:
    (sentence,) = sentences(schema(old), schema(new), external=external)

    assert sentence_part in sentence
    assert "old writers" in sentence


@pytest.mark.parametrize(("old", "new"), [case for case in BREAKS_READERS if case.id != "not: an enum value is gone"])
def test_a_wider_type_breaks_readers_where_perdure_writes(old: Any, new: Any) -> None:
    (sentence,) = sentences(schema(old), schema(new))

    assert "breaks old readers" in sentence
    assert sentences(schema(old), schema(new), external=True) == []


@pytest.mark.parametrize("external", [True, False])
def test_removing_a_field_breaks_readers_and_writers(*, external: bool) -> None:
    gone = sentences(schema(Inner), schema(InnerLater), external=external)

    assert gone == ["field.lost is gone: breaks old readers and writers"]


@pytest.mark.parametrize("external", [True, False])
def test_a_new_required_field_breaks_writers(*, external: bool) -> None:
    old, new = create_model("Body").model_json_schema(), schema(int)

    assert sentences(old, new, external=external) == ["field is required now: breaks old writers"]


def test_a_field_that_becomes_required_breaks_writers() -> None:
    assert sentences(schema(int, 1), schema(int)) == ["field is required now: breaks old writers"]


def test_a_field_that_becomes_optional_breaks_readers_where_perdure_writes() -> None:
    old, new = schema(int), schema(int, 1)

    assert sentences(old, new) == ["field may be missing now: breaks old readers"]
    assert sentences(old, new, external=True) == []


@pytest.mark.parametrize("external", [True, False])
def test_another_pattern_breaks_readers_and_writers(*, external: bool) -> None:
    other = schema(Annotated[str, Field(pattern="^b")])

    assert sentences(schema(Pattern), other, external=external) == [
        "field has pattern ^b, had ^a: breaks old readers and writers"
    ]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(schema(int), schema(int), id="nothing"),
        pytest.param(schema(InnerLater), schema(Inner), id="a new field that may be missing"),
        pytest.param(schema(Literal["a"]), schema(Literal["a", "b"]), id="a new enum value"),
        pytest.param(schema(int, 1), schema(int, 2), id="another default"),
        pytest.param(schema(int), schema(Annotated[int, Field(description="How many.")]), id="a description"),
        pytest.param(schema(int | str), schema(str | int), id="another order"),
        pytest.param(
            schema(InnerLater), schema(create_model("Renamed", kept=(int, ...))), id="another name for the same object"
        ),
    ],
)
def test_these_changes_break_nobody(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert sentences(old, new) == []


def test_changes_that_break_nobody_are_reported_too() -> None:
    reported = [str(change) for change in changes(schema(Literal["a"]), schema(Literal["a", "b"]))]

    assert reported == ['field can be "b" now']


def test_recursive_schemas_are_compared() -> None:
    class Tree(BaseModel):
        branches: tuple["Tree", ...] = ()

    assert sentences(schema(Tree), schema(Tree)) == []
