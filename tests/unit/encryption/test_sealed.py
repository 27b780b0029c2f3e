from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.encryption import KeyRing, MissingKey, RunBinding, WrongRun, open_sealed, seal

RING = KeyRing({"new": bytes(range(32)), "old": bytes(32)})
ORDER = RunBinding("default", "order-1")


@given(st.binary(max_size=100), st.text(max_size=20), st.text(max_size=20))
def test_a_value_is_what_it_was(plain: bytes, namespace: str, workflow_id: str) -> None:
    run = RunBinding(namespace, workflow_id)
    sealed = seal(plain, run, RING)

    assert sealed.key_id == "new"
    assert open_sealed(sealed, RING, within=RunBinding.from_bytes(run.to_bytes())) == plain


def test_the_same_value_differs_each_time() -> None:
    assert seal(b"4711", ORDER, RING).data != seal(b"4711", ORDER, RING).data


def test_an_older_key_of_the_ring_decrypts() -> None:
    sealed = seal(b"4711", ORDER, KeyRing({"old": bytes(32)}))

    assert open_sealed(sealed, RING) == b"4711"


def test_a_missing_key_is_named_with_what_to_do() -> None:
    sealed = seal(b"4711", ORDER, KeyRing({"lost": bytes(32)}))

    with pytest.raises(MissingKey, match=r"the key lost, .* \(it has new, old\): add that key to the ring"):
        open_sealed(sealed, RING)


@pytest.mark.parametrize("other", [RunBinding("default", "order-2"), RunBinding("other", "order-1")])
def test_a_value_of_another_run_is_refused(other: RunBinding) -> None:
    sealed = seal(b"4711", ORDER, RING)

    with pytest.raises(WrongRun, match="it was copied there, and is refused"):
        open_sealed(sealed, RING, within=other)
    with pytest.raises(WrongRun, match="does not fit its key new"):
        open_sealed(replace(sealed, run=other), RING, within=other)


@pytest.mark.parametrize("kept", [slice(0, -1), slice(0, 5), slice(1, None)], ids=["cut", "short", "moved"])
def test_a_value_that_was_changed_is_refused(kept: slice) -> None:
    sealed = seal(b"4711", ORDER, RING)

    with pytest.raises(WrongRun, match="does not fit"):
        open_sealed(replace(sealed, data=sealed.data[kept]), RING)
