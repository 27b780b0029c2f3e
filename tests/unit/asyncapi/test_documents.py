"""The published contract is valid, and is what the code gives."""

import json
import re
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from jsonschema import Draft7Validator, Draft202012Validator, FormatChecker

from perdure.approvers import Approver, Directory, NotVerified, PublicKey, SigningKey, canonical
from perdure.asyncapi import VERSION, contract_files, differences, read_files
from perdure.asyncapi.channels import CHANNELS
from perdure.asyncapi.examples import EXAMPLES
from perdure.asyncapi.flow import CLIENTS, PUBLISHERS
from perdure.bus import RawMessage, StoredMessage, decode, encode
from perdure.bus.permissions import nats_permissions
from perdure.bus.subject_patterns import matches
from perdure.bus.topology import APPEND_ONLY, CONSUMERS, STREAMS
from perdure.contracts import Message
from perdure.contracts.version import schema_id
from perdure.errors import InvalidMessage
from perdure_orchestrator.parsing import read_decision
from tests.support.messages import messages

PUBLISHED: Final = Path(__file__).parents[3] / "deploy/contracts" / f"v{VERSION}"
FILES: Final[dict[str, Any]] = {file: json.loads(text) for file, text in contract_files().items()}
DOCUMENT: Final = FILES["asyncapi.json"]
SCHEMAS: Final = {file: schema for file, schema in FILES.items() if file.startswith("schemas/")}

OFFICIAL: Final = Path(__file__).with_name("asyncapi-3.0.0.schema.json")
"""``schemas/3.0.0-without-$id.json`` of the npm package @asyncapi/specs 6.11.1 (Apache-2.0), without white space."""

KEY: Final = SigningKey.new()
BOT: Final = {"request_id": "r.1", "decision": "approve", "approver": "ada", "digest": "0" * 64, "nonce": "1"}
"""What a bot writes before it signs."""


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
    raw = encode(message, source="perdure/test")

    Draft202012Validator(SCHEMAS[f"schemas/{message.type}.json"]).validate(json.loads(raw.body))


@given(messages)
def test_every_message_has_the_subject_and_headers_of_the_document(message: Message) -> None:
    raw = encode(message, source="perdure/test")
    described = DOCUMENT["components"]["messages"][type(message).__name__]

    Draft202012Validator({**described["headers"], "components": DOCUMENT["components"]}).validate(raw.headers)
    address = DOCUMENT["channels"][message.type]["address"].replace("{event_type}", ">")  # types have dots
    assert matches(re.sub(r"{\w+}", "*", address), raw.subject)


def test_the_address_of_a_channel_names_the_fields_of_the_body() -> None:
    channel = DOCUMENT["channels"]["progress"]

    assert channel["address"] == "progress.{workflow}.{workflow_id}"
    assert channel["parameters"]["workflow"]["location"] == "$message.payload#/workflow"


def signed(body: dict[str, Any]) -> dict[str, Any]:
    fields = {**body, "key_id": KEY.key_id}
    return {**fields, "signature": b64encode(KEY.sign(canonical(fields))).decode()}


def test_a_decision_need_not_repeat_the_id_in_its_subject() -> None:
    assert Draft202012Validator(SCHEMAS["schemas/decisions.json"]).is_valid(signed(BOT))


@pytest.mark.parametrize("field", [*BOT, "key_id", "signature"])
def test_the_required_fields_of_a_decision_are_those_without_which_it_is_refused(field: str) -> None:
    body = {name: value for name, value in signed(BOT).items() if name != field}
    known = Directory(approvers={"ada": Approver(keys=(PublicKey(public=KEY.public),))})

    assert not Draft202012Validator(SCHEMAS["schemas/decisions.json"]).is_valid(body)
    with pytest.raises((InvalidMessage, NotVerified)):
        judge(body, known)


def judge(body: dict[str, Any], known: Directory) -> None:
    raw, now = RawMessage("decisions.r", json.dumps(body).encode(), {}), datetime.now(UTC)
    read_decision(StoredMessage(raw, "DECISIONS", 1, now, 0))
    known.identify(body, now)


@pytest.mark.parametrize("field", sorted(SCHEMAS["schemas/decisions.json"]["properties"]))
def test_a_decision_counts_without_any_other_field(field: str) -> None:
    required = SCHEMAS["schemas/decisions.json"]["required"]
    assert (field in required) == (field in {*BOT, "key_id", "signature"})


def test_messages_of_services_require_their_type() -> None:
    for channel in CHANNELS:
        if channel.model and not channel.is_external:
            assert "type" in SCHEMAS[f"schemas/{channel.name}.json"]["required"]


def test_every_stream_has_a_channel_and_every_consumer_a_receive_operation() -> None:
    found = [it for it in operations("receive") if "reply" not in it]
    received = {(it["tags"][0]["name"], it["channel"]["$ref"]) for it in found}

    assert {channel.stream for channel in CHANNELS} == {*STREAMS, *APPEND_ONLY} - {"ADVISORIES"} == set(PUBLISHERS)
    assert {(who, channel) for who, channel in received if who not in CLIENTS} == {
        (consumer.service, f"#/channels/{channel.name}")
        for consumer in CONSUMERS
        for channel in CHANNELS
        if channel.stream == consumer.stream
    }


def test_bots_publishers_and_operators_have_the_operations_that_their_role_permits() -> None:
    for role in ("bot", "publisher", "operator"):
        allowed = nats_permissions(role)
        for action, subjects in (("send", allowed.publish_allow), ("receive", allowed.subscribe_allow)):
            own = [it for it in operations(action) if it["tags"] == [{"name": role}]]
            channels = [DOCUMENT["channels"][it["channel"]["$ref"].removeprefix("#/channels/")] for it in own]
            wanted = [re.sub(r"{\w+}", "token", channel["address"]) for channel in channels]
            assert [it for it in wanted if not any(matches(pattern, it) for pattern in subjects)] == []
            permitted = {it.name for it in CHANNELS if any(matches(pattern, f"{it.name}.x") for pattern in subjects)}
            sent = {it["channel"]["$ref"].removeprefix("#/channels/") for it in own}
            assert role == "operator" or permitted - sent == set()


def test_every_subject_has_a_sender() -> None:
    sent = {it["channel"]["$ref"].removeprefix("#/channels/") for it in operations("send")}

    assert {channel.name for channel in CHANNELS} - sent == set()


@pytest.mark.parametrize("file", SCHEMAS)
def test_every_field_is_described_for_readers_of_any_language(file: str) -> None:
    for part in (SCHEMAS[file], *SCHEMAS[file].get("$defs", {}).values()):
        undescribed = [name for name, field in part.get("properties", {}).items() if not field.get("description")]
        titled = [name for name, field in part.get("properties", {}).items() if "title" in field]
        assert (undescribed, titled) == ([], [])
    assert "Attributes:" not in json.dumps(SCHEMAS[file])
    assert "``" not in json.dumps(SCHEMAS[file])


def test_each_schema_has_an_id_of_its_own_which_messages_name() -> None:
    ids = {file: schema["$id"] for file, schema in SCHEMAS.items()}

    assert len(set(ids.values())) == len(ids)
    assert ids["schemas/decisions.json"] == schema_id("decisions") == f"urn:perdure:contract:v{VERSION}:decisions"


@pytest.mark.parametrize("file", SCHEMAS)
def test_each_example_fits_its_schema_and_is_read(file: str) -> None:
    name = file.removeprefix("schemas/").removesuffix(".json")
    Draft202012Validator(SCHEMAS[file], format_checker=FormatChecker()).validate(EXAMPLES[name])

    if model := next((channel.model for channel in CHANNELS if channel.name == name), None):
        message = model.model_validate_json(json.dumps(EXAMPLES[name]))
        assert decode(encode(message, source="test")) == message


def test_the_example_of_a_decision_is_signed_step_by_step() -> None:
    shown = FILES["signed-decision.json"]
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(shown["private_key_hex"]))
    fields = {name: value for name, value in shown["decision"].items() if name != "signature"}

    assert shown["decision"] == EXAMPLES["decisions"]
    assert sha256(shown["digested"].encode()).hexdigest() == shown["digest"] == shown["decision"]["digest"]
    assert json.loads(shown["signed"]) == fields
    assert b64encode(key.sign(shown["signed"].encode())).decode() == shown["decision"]["signature"]
    assert b64encode(key.public_key().public_bytes_raw()).decode() == shown["public_key_base64"]


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
