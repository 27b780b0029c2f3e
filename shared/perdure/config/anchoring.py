"""Makes the relative paths of settings relative to the folder of the project."""

from pathlib import Path
from typing import Any

from pydantic import BaseModel

__all__ = ["anchored"]


def anchored(value: Any, folder: Path) -> Any:
    """Return a setting with all relative paths in it made relative to a folder; ``~`` stays as it is."""
    match value:
        case Path():
            return value if value.is_absolute() or value.parts[:1] == ("~",) else folder / value
        case BaseModel():
            changed = {name: new for name, old in value if (new := anchored(old, folder)) != old}
            return value.model_copy(update=changed) if changed else value
        case dict():
            return {name: anchored(part, folder) for name, part in value.items()}
        case tuple():
            return tuple(anchored(part, folder) for part in value)
        case _:
            return value
