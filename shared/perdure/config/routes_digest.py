"""The digest of the configured routes, by which records say under which of them something happened."""

import json
from collections.abc import Iterable
from hashlib import sha256

from perdure.config.routes import Route

__all__ = ["routes_digest"]


def routes_digest(routes: Iterable[Route]) -> str:
    """Return the SHA-256 of the routes, in hex: a change of any of them gives another one."""
    declared = [{**route.model_dump(mode="json", by_alias=True), "name": route.label} for route in routes]
    return sha256(json.dumps(declared, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
