import logging
from datetime import UTC, datetime

import pytest

from perdure.bus import MemoryBus
from perdure.bus.content import Content
from perdure.bus.views.run_index import run_progress
from perdure.contracts import Progress
from perdure.encryption import KeySource, new_key_line

ENDED = Progress(
    workflow="Report",
    workflow_id="Report~1",
    run_id="r",
    sequence=1,
    kind="completed",
    at=datetime.now(UTC),
    result={"name": "Tulip"},
    error=None,
)


def content(*ids: str) -> Content:
    """Return a cipher with new keys of these ids."""
    ring = "".join(map(new_key_line, ids))
    return Content(KeySource(lambda: ring, look_every=3600, name="test"))


async def test_facts_on_the_bus_hold_no_content_and_read_models_show_it() -> None:
    bus = MemoryBus()
    bus.content = content("may")
    await bus.publish(ENDED)
    failed = ENDED.model_copy(update={"kind": "failed", "sequence": 2, "result": None, "error": "no Tulip"})
    await bus.publish(failed)

    stored = [message.raw.body async for message in bus.read("progress.>")]
    assert not any(b"Tulip" in body for body in stored)
    assert all(b'"perdure.encrypted:may:' in body for body in stored)
    assert await run_progress(bus, "Report~1") == [ENDED, failed]


@pytest.mark.parametrize("text", ["perdure.encrypted:", "perdure.encrypted:now", "perdure.encrypted:a b:Tulip"])
@pytest.mark.parametrize("cipher", [Content(), content("may")])
def test_a_plain_text_that_looks_encrypted_is_shown_as_it_is(cipher: Content, text: str) -> None:
    fact = ENDED.model_copy(update={"result": text})

    assert cipher.opened(fact) == fact
    assert cipher.opened(Progress.model_validate(cipher.sealed(fact).model_dump())).result == text


def test_a_fact_of_another_run_is_not_decrypted() -> None:
    cipher = content("may")
    sealed = cipher.sealed(ENDED)

    copied = cipher.opened(Progress.model_validate(sealed.model_dump() | {"workflow_id": "Report~2"}))

    assert "it cannot be decrypted" in str(copied.result)


def test_without_the_key_a_sentence_stands_in_its_place(caplog: pytest.LogCaptureFixture) -> None:
    sealed = content("may").sealed(ENDED)
    assert isinstance(sealed, Progress)

    with caplog.at_level(logging.WARNING):
        assert "encrypted with the key may, which the key ring has not" in str(content("june").opened(sealed).result)
    assert "encrypted with the key may: name the key ring" in str(Content().opened(sealed).result)


def test_without_keys_nothing_changes() -> None:
    assert Content().sealed(ENDED) is ENDED
    assert Content().opened(ENDED) is ENDED
