"""How a private key is kept from other programs of its owner."""

from typing import Literal

__all__ = ["Protection"]

Protection = Literal["passphrase", "keyring", "none"]
"""``passphrase``: the file is encrypted, and each use asks. ``keyring``: the file is encrypted, and the keyring of the
system holds the secret. ``none``: whoever can read the file can sign."""
