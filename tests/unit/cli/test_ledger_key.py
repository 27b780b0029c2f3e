"""The key of the ledger that is configured: absent, there, or kept from whoever asks."""

import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from perdure.cli.audit.trusted_key import own_key
from perdure.config.settings import Settings
from perdure.errors import SetupError
from perdure.ledger import Signer
from tests.support.ledger_keys import ledger_keys

NOBODY = 65_534  # root may read everything


def test_a_key_that_is_not_there_is_elsewhere(tmp_path: Path) -> None:
    assert own_key(Settings(state=tmp_path)) is None


def test_a_key_that_may_not_be_read_is_an_error_and_does_not_count_as_absent(tmp_path: Path) -> None:
    settings = Settings(state=tmp_path)
    signer = Signer("perdure", Ed25519PrivateKey.generate())
    ledger_keys(settings.ledger_key.parent, signer)
    assert own_key(settings) == signer.verifier
    settings.ledger_key.chmod(0)
    user = os.geteuid()
    if user == 0:
        os.seteuid(NOBODY)
    try:
        with pytest.raises(SetupError, match=r"holds no key of the ledger: .*Permission denied"):
            own_key(settings)
    finally:
        os.seteuid(user)
