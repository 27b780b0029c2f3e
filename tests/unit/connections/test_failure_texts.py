from dataclasses import replace

import pytest
from temporalio.api.failure.v1 import Failure
from temporalio.common import RawValue
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import WorkflowSerializationContext

from perdure.bus import MemoryObjects
from perdure.connections.failure_texts import HIDDEN, hide_texts, show_texts, shown_failure
from perdure.connections.temporal import converter
from perdure.connections.whole_payloads import is_reference
from perdure.encryption import KeySource, MissingKey, new_key_line
from perdure.encryption.key_ring import parse_key_ring
from perdure.encryption.sealed import missing_key
from perdure.flow.payload_store import payload_storage

CONVERTER = pydantic_data_converter.payload_converter


def hidden(message: str, type_: str = "Problem") -> Failure:
    """Return the failure of an error as a run writes it."""
    failure = Failure(message=message, stack_trace="of Tulip")
    failure.application_failure_info.type = type_
    hide_texts(failure, CONVERTER)
    return failure


def plain(failure: Failure) -> str:
    """Return what is written of a failure beside its payload."""
    return f"{failure.message} {failure.stack_trace}"


@pytest.mark.parametrize("type_", ["Problem", "MissingKey", "WrongRun"])
def test_the_text_of_an_error_is_hidden_whatever_its_class_is_called(type_: str) -> None:
    assert "Tulip" not in plain(hidden("There is no key for Tulip.", type_))


def test_why_a_value_cannot_be_read_stays_plain() -> None:
    error = missing_key("april", parse_key_ring(new_key_line("may")))

    assert hidden(str(error), MissingKey.__name__).message == str(error)


@pytest.mark.parametrize("message", [f"{HIDDEN}: Tulip", f"{HIDDEN} (Tulip)"])
def test_a_text_that_begins_as_a_hidden_one_is_hidden_again_after_it_was_read(message: str) -> None:
    failure = hidden(message)
    pydantic_data_converter.failure_converter.from_failure(failure, CONVERTER)  # which puts the texts back

    hide_texts(failure, CONVERTER)

    assert failure.message == HIDDEN
    show_texts(failure)
    assert failure.message == message


def test_a_text_is_hidden_once() -> None:
    failure = hidden("Tulip")

    hide_texts(failure, CONVERTER)
    show_texts(failure)

    assert failure.message == "Tulip"


async def test_a_large_text_is_shown_where_it_is_stored_and_stays_hidden_without_the_store() -> None:
    ring = new_key_line("may")
    keys = KeySource(lambda: ring, look_every=3600, name="test")
    storage = payload_storage(MemoryObjects(), 100)
    whole = converter(storage, keys).with_context(WorkflowSerializationContext("default", "r"))
    failure = hidden("Tulip" * 100)
    (stored,) = await whole.encode([RawValue(failure.encoded_attributes)])
    failure.encoded_attributes.CopyFrom(stored)

    shown = await shown_failure(failure, whole)
    without = await shown_failure(failure, replace(whole, external_storage=None))

    assert is_reference(stored)
    assert shown.message == "Tulip" * 100
    assert without.message == HIDDEN
