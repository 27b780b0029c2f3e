"""The version of the published contract; it goes up with every breaking change."""

from typing import Final

__all__ = ["VERSION", "schema_id"]

VERSION: Final = "2"
"""Independent of the distribution's version. The files of each version lie in their own folder, ``v<VERSION>``."""


def schema_id(name: str) -> str:
    """Return the ``$id`` of a message's schema, which is also the ``dataschema`` of its CloudEvents."""
    return f"urn:perdure:contract:v{VERSION}:{name}"
