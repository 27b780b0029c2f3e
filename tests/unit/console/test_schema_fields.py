"""The publish form: its fields come from the route's schema, and its text becomes the data that the schema means."""

import pytest

from perdure.errors import WrongArgument
from perdure_console.schema_fields import data_in, fields_of

SCHEMA = {
    "type": "object",
    "required": ["name", "count"],
    "properties": {
        "name": {"type": "string", "description": "Whose"},
        "count": {"type": "integer", "default": 3},
        "urgent": {"type": "boolean"},
        "size": {"enum": ["s", 2]},
        "tags": {"type": "array"},
        "any": True,
    },
}


def test_each_property_is_a_field() -> None:
    fields = {it.key: it for it in fields_of(SCHEMA)}

    assert {key: it.kind for key, it in fields.items()} == {
        "name": "string",
        "count": "integer",
        "urgent": "boolean",
        "size": "choice",
        "tags": "json",
        "any": "json",
    }
    assert (fields["name"].required, fields["name"].hint, fields["count"].default) == (True, "Whose", "3")
    assert fields["size"].choices == ('"s"', "2")


def test_a_filled_form_is_data_and_an_empty_field_is_left_out() -> None:
    form = {"data.name": "", "data.count": "4", "data.urgent": "true", "data.size": "2", "data.tags": "", "other": "x"}

    assert data_in(SCHEMA, form) == {"name": "", "count": 4, "urgent": True, "size": 2}


def test_a_field_that_does_not_hold_its_type_is_named() -> None:
    with pytest.raises(WrongArgument, match="count: four is no integer"):
        data_in(SCHEMA, {"data.count": "four"})
