"""Keys of a ledger for tests that sign it themselves."""

from pathlib import Path

from perdure.ledger import Signer
from perdure.ledger.key_text import signer_text
from perdure_audit.ledger_keys import LedgerKeys
from tests.support.secret_file import write_secret

__all__ = ["ledger_keys"]


def ledger_keys(folder: Path, signer: Signer | None = None) -> LedgerKeys:
    """Return the keys of the ledger ``perdure`` in a folder: with a key that is made, or with this one from now on."""
    file = folder / "ledger.key"
    folder.mkdir(parents=True, exist_ok=True)
    if signer is not None:
        write_secret(file, f"{signer_text(signer)}\n")
    return LedgerKeys(file, "perdure")
