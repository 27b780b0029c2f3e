"""The published contract is valid, and is what the code gives."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from jsonschema import Draft7Validator, Draft202012Validator

from perdure.asyncapi import VERSION, contract_files, differences, read_files
from perdure.asyncapi.channels import CHANNELS
from perdure.asyncapi.flow import PUBLISHERS
from perdure.bus import encode
from perdure.bus.permissions import nats_permissions
from perdure.bus.topology import CONSUMERS, STREAMS, matches
from perdure.contracts import Message
from tests.support.messages import messages

PUBLISHED: Final = Path(__file__).parents[3] / "deploy/contracts" / f"v{VERSION}"
FILES: Final[dict[str, Any]] = {file: json.loads(text) for file, text in contract_files().items()}
DOCUMENT: Final = FILES["asyncapi.json"]
SCHEMAS: Final = {file: schema for file, schema in FILES.items() if file != "asyncapi.json"}

OFFICIAL: Final = Path(__file__).with_name("asyncapi-3.0.0.schema.json")
"""``schemas/3.0.0-without-$id.json`` of the npm package @asyncapi/specs 6.11.1 (Apache-2.0), without white space."""

BOT: Final = {"request_id": "r.1", "decision": "approve", "approver": "ada", "digest": "0" * 64, "nonce": "1"}


def test_the_published_contract_is_what_the_code_gives() -> None:
    published = read_files(PUBLISHED)

    assert differences(published, contract_files()) == [], "see perdure admin contracts check"
    assert published == contract_files()


def test_the_document_is_asyncapi_3() -> None:
    Draft7Validator(json.loads(OFFICIAL.read_text())).validate(DOCUMENT)


@pytest.mark.parametrize("file", SCHEMAS)
def test_each_schema_is_json_schema(file: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[file])


@pytest.mark.parametrize("file", FILES)
def test_every_reference_resolves(file: str) -> None:
    for reference in references(FILES[file]):
        target, _, pointer = reference.partition("#")
        found = FILES[target or file]
        for token in pointer.split("/")[1:]:
            found = found[token]


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        yield from (value for key, value in node.items() if key == "$ref")
    for inside in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from references(inside)


@given(messages)
def test_every_message_fits_its_schema(message: Message) -> None:
    raw = encode(message, source="perdure/test", at=datetime(2026, 11, 23, tzinfo=UTC))

    Draft202012Validator(SCHEMAS[f"schemas/{message.type}.json"]).validate(json.loads(raw.body))


@given(messages)
def test_every_message_has_the_subject_and_headers_of_the_document(message: Message) -> None:
    raw = encode(message, source="perdure/test", at=datetime(2026, 11, 23, tzinfo=UTC))
    described = DOCUMENT["components"]["messages"][type(message).__name__]

    Draft202012Validator({**described["headers"], "components": DOCUMENT["components"]}).validate(raw.headers)
    assert matches(re.sub(r"{\w+}", "*", DOCUMENT["channels"][message.type]["address"]), raw.subject)


def test_the_address_of_a_channel_names_the_fields_of_the_body() -> None:
    channel = DOCUMENT["channels"]["progress"]

    assert channel["address"] == "progress.{workflow}.{workflow_id}"
    assert channel["parameters"]["workflow"]["location"] == "$message.payload#/workflow"


def test_a_decision_need_not_repeat_the_id_in_its_subject() -> None:
    assert Draft202012Validator(SCHEMAS["schemas/decisions.json"]).is_valid(BOT)


def test_messages_of_services_require_their_type() -> None:
    for channel in CHANNELS:
        if channel.model and not channel.is_external:
            assert "type" in SCHEMAS[f"schemas/{channel.name}.json"]["required"]


def test_every_stream_has_a_channel_and_every_consumer_a_receive_operation() -> None:
    received = {(it["tags"][0]["name"], it["channel"]["$ref"]) for it in operations("receive") if "reply" not in it}

    assert {channel.stream for channel in CHANNELS} == set(STREAMS) - {"ADVISORIES"} == set(PUBLISHERS)
    assert received == {
        (consumer.service, f"#/channels/{channel.name}")
        for consumer in CONSUMERS
        for channel in CHANNELS
        if channel.stream == consumer.stream
    }


def test_external_channels_have_no_send_operation() -> None:
    sent = {it["channel"]["$ref"].removeprefix("#/channels/") for it in operations("send")}

    streams = {channel.name for channel in CHANNELS}
    assert streams - sent == {"decisions", "events", "signals"}


def test_every_request_has_a_reply_and_a_responder_with_permission() -> None:
    answered = {
        it["tags"][0]["name"]: DOCUMENT["channels"][it["channel"]["$ref"].removeprefix("#/channels/")]["address"]
        for it in operations("receive")
        if "reply" in it
    }

    assert answered == {"ingest": "queries.events.outcome.{type}"}
    for service, address in answered.items():
        assert re.sub(r"{\w+}", ">", address) in nats_permissions(service).subscribe_allow


def operations(action: str) -> list[Any]:
    return [operation for operation in DOCUMENT["operations"].values() if operation["action"] == action]


def test_the_same_code_writes_the_same_bytes() -> None:
    assert contract_files() == contract_files()
    assert all(text.endswith("}\n") for text in contract_files().values())
