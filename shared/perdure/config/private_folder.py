"""Where the private keys of a local suite lie: outside its state folder, in which agents' tools may be at work."""

import os
from hashlib import sha256
from pathlib import Path
from typing import Final

__all__ = ["keys_folder", "private_folder"]

_DATA_VARIABLE: Final = "XDG_DATA_HOME"  # XDG Base Directory Specification 0.8; by default ~/.local/share
_DIGITS: Final = 8


def private_folder(state: Path) -> Path:
    """Return the folder of what only this user may hold of a suite: ``~/.local/share/perdure/<project>-<digest>``.

    The digest is that of the state folder's path, so that no two suites share a key.
    """
    data = os.environ.get(_DATA_VARIABLE)
    path = state.resolve()
    digest = sha256(os.fsencode(path)).hexdigest()[:_DIGITS]
    root = Path(data) if data else Path(os.environ.get("HOME") or path.parent) / ".local" / "share"
    return root / "perdure" / f"{path.parent.name or 'root'}-{digest}"


def keys_folder(state: Path) -> Path:
    """Return the folder of approvers' keys: that of Perdure 0.1, in the state folder, as long as it holds keys."""
    earlier = state / "keys"
    return earlier if any(earlier.glob("*.pem")) else private_folder(state) / "keys"
