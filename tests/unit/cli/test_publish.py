"""``perdure publish`` where NATS or ingest does not answer: output and exit codes."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from perdure.bus import MemoryBus, RawMessage, Storage
from perdure.cli.app import app
from perdure.errors import StreamFull, Unavailable
from tests.support.cli_bus import use_bus


class Silent(MemoryBus):
    """A bus without responders, which has room and confirms storage unless a test changes that."""

    confirms = True
    has_room = True

    async def store(self, raw: RawMessage) -> Storage:
        if not self.has_room:
            raise StreamFull("NATS refused: EVENTS is full (maximum bytes exceeded). Nothing was stored.")
        stored = await super().store(raw)
        if not self.confirms:
            raise Unavailable("timeout")
        return stored

    async def request(self, subject: str, body: bytes) -> bytes:
        raise Unavailable(f"No responder replies on {subject} to {body!r}")


@pytest.fixture
def bus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Silent:
    monkeypatch.chdir(tmp_path)
    bus = Silent()

    use_bus(monkeypatch, bus, "publish")
    return bus


def publish(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["publish", *arguments])


def test_an_event_that_is_not_confirmed_is_safe_to_repeat_only_under_its_id(bus: Silent) -> None:
    bus.confirms = False
    named, unnamed = publish("a.b", "--id", "42"), publish("a.b")
    as_json = publish("a.b", "--json")

    assert (named.exit_code, unnamed.exit_code) == (75, 1)
    assert "Publish it again with the same id (`--id 42`)" in named.stderr
    assert "with the same id (`--id " in unnamed.stderr
    assert json.loads(as_json.stderr)["exit_code"] == 1


def test_an_event_that_a_full_stream_refuses_is_safe_to_repeat_as_it_was(bus: Silent) -> None:
    bus.has_room = False
    named, unnamed = publish("a.b", "--id", "42"), publish("a.b")
    bus.has_room = True
    again = publish("a.b", "--id", "42")

    assert (named.exit_code, unnamed.exit_code, again.exit_code) == (75, 75, 0)
    assert "NATS refused: EVENTS is full" in unnamed.stderr
    assert again.stdout == "Published a.b as 42 (EVENTS 1).\n"


@pytest.mark.usefixtures("bus")
def test_a_repetition_counts_though_nobody_can_compare_the_data() -> None:
    first, again = publish("a.b", "{}", "--id", "42"), publish("a.b", "[]", "--id", "42")

    assert (first.exit_code, again.exit_code) == (0, 0)
    assert again.stdout == "Already published a.b as 42 (EVENTS 1); nothing new was stored.\n"


@pytest.mark.usefixtures("bus")
def test_a_stored_event_that_nobody_answers_about_is_not_to_be_published_again() -> None:
    waited = publish("a.b", "--wait", "--within", "50ms")

    assert waited.exit_code == 3
    assert "No ingest service has answered" in waited.stderr


@pytest.mark.usefixtures("bus")
def test_where_the_event_is_stored_is_printed_before_the_wait_in_json_too() -> None:
    waited = publish("a.b", "--id", "42", "--wait", "--within", "50ms", "--json")

    stored, error = map(json.loads, waited.stderr.splitlines())
    assert (stored["id"], stored["stream_sequence"], error["exit_code"]) == ("42", 1, 3)
    assert waited.stdout == ""


@pytest.mark.usefixtures("bus")
@pytest.mark.parametrize("type_", ["", "a b", "a..b", ".a", "a.*", "a.>", "a."])
def test_a_type_that_is_no_subject_is_refused(type_: str) -> None:
    refused = publish(type_)

    assert refused.exit_code == 2
    assert "cannot be an event type" in refused.stderr


@pytest.mark.usefixtures("bus")
def test_a_type_that_no_route_of_this_folder_is_for_is_warned_of(tmp_path: Path) -> None:
    (tmp_path / "perdure.yaml").write_text("routes: [{on: 'word.*', start: Echo}]")
    stray, fine, as_json = publish("word"), publish("word.sent"), publish("word", "--json")

    assert (stray.exit_code, fine.exit_code) == (0, 0)
    assert "no route of this folder's configuration is for word, only for word.*" in stray.stderr
    assert fine.stderr == ""
    assert "no route" in json.loads(as_json.stdout)["warnings"][0]
    assert as_json.stderr == ""
