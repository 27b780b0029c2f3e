"""Schemas of tools that are merged for providers: hostile ones, and those with choices of several kinds."""

from collections.abc import Iterator
from typing import Any

import pytest

from perdure_orchestrator.agents.model_tools import object_schema
from perdure_orchestrator.agents.tool_arguments import bind_tool_arguments

A, B, C = ({"properties": {name: {}}, "required": [name]} for name in "abc")
HOSTILE: list[dict[str, Any]] = [
    {"anyOf": [{"$ref": "#"}] * 30, "properties": {"x": {}}},
    {"anyOf": [{"$ref": "#"}] * 30, "allOf": [{"$ref": "#"}] * 30, "properties": {"x": {}}},
    {"anyOf": [True] * 10_000, "allOf": [{"$ref": "#"}] * 30, "properties": {"x": {}}},
]


class Counted(list[Any]):
    """Choices that count how many of them are read, and no more than a hundred thousand."""

    read = 0

    def __iter__(self) -> Iterator[Any]:
        for choice in super().__iter__():
            self.read += 1
            assert self.read < 100_000
            yield choice


@pytest.mark.parametrize("schema", HOSTILE, ids=["choices", "both", "no schemas"])
def test_a_schema_that_repeats_itself_is_merged_within_bounds(schema: dict[str, Any]) -> None:
    counted = Counted(schema["anyOf"])

    assert object_schema({**schema, "anyOf": counted})["properties"] == {"x": {}}
    assert counted.read < 1_000


def test_a_choice_that_is_left_out_makes_nothing_required() -> None:
    assert object_schema({"oneOf": [A] * 300})["required"] == []
    assert object_schema({"oneOf": [A, True]})["required"] == []


def test_positional_arguments_fill_the_schemas_own_properties_first() -> None:
    schema = {"properties": {"path": {}, "mode": {}}, "anyOf": [B, C, {"properties": {"mode": {"type": "string"}}}]}

    assert list(object_schema(schema)["properties"]) == ["path", "mode", "b", "c"]
    assert bind_tool_arguments("open", schema, {}, ("/x", "r")) == {"path": "/x", "mode": "r"}


@pytest.mark.parametrize(
    ("schema", "required"),
    [
        ({"allOf": [A, B]}, ["a", "b"]),
        ({"oneOf": [A, B]}, []),
        ({"allOf": [A], "oneOf": [B, C]}, ["a"]),
        ({"anyOf": [A, {"allOf": [A, B]}], "oneOf": [{"allOf": [B, C]}, C]}, ["a", "c"]),
        ({"required": ["c", 7, {}], "allOf": [A, B]}, ["c", "a", "b"]),
    ],
)
def test_what_is_required_whichever_choice_is_taken(schema: dict[str, Any], required: list[str]) -> None:
    assert object_schema(schema)["required"] == required
