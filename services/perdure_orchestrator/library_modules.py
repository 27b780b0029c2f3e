"""The installed libraries: what workflow code imports of them is imported once, outside of the sandbox."""

import sysconfig
from functools import cache
from pathlib import Path
from typing import Final

__all__ = ["library_modules"]

_IMPORTED_ANEW: Final = frozenset({"arrow", "faker", "ksuid", "nanoid", "pendulum", "shortuuid", "ulid", "uuid6"})
"""Libraries of times and random ids: in the sandbox their use in workflow code is found."""


@cache
def library_modules() -> frozenset[str]:
    """Return the top-level modules of site-packages, but those that are imported anew.

    Importing libraries again for each run breaks many of them, and is of no use: they are not workflow code. What a
    project has installed as editable lies elsewhere, and so counts as the author's.
    """
    folders = {Path(sysconfig.get_path(name)) for name in ("purelib", "platlib")}
    entries = [entry for folder in folders if folder.is_dir() for entry in folder.iterdir()]
    names = {
        entry.name.partition(".")[0] for entry in entries if entry.is_dir() or entry.suffix in {".py", ".so", ".pyd"}
    }
    return frozenset(name for name in names if name.isidentifier()) - _IMPORTED_ANEW
