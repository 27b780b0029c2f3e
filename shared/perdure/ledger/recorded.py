"""Which starts, signals and endings have leaves, by the ids that stand in the leaves: also after their erasure."""

import json
import re
from datetime import datetime
from typing import Any, Final

from perdure.ledger.kept import Kept

__all__ = ["RecordedRuns"]

_START: Final = re.compile(r"start\.(.+)\.([0-9a-f]{16})(?:\..*)?")
_SIGNAL: Final = re.compile(r"(.+\.[0-9a-f]{16})(?:\..*)?")
_ENDING: Final = re.compile(r"(.+)\.ended\.(\w+)")
_PLACES: Final = frozenset({"DECISIONS", "SIGNALS"})
_MESSAGE_ID: Final = "nats-msg-id"
_ROUTE_ENDS: Final = "~"


class RecordedRuns:
    """What the leaves of a ledger say about runs; take all of them, in any order.

    Attributes:
        began_at: When the stream stored the oldest message that has a leaf; None before the first.
        started: For each start that has a leaf, the two forms that its run's id may have: with and without its route.
    """

    def __init__(self) -> None:
        self.began_at: datetime | None = None
        self.started: set[tuple[str, str]] = set()
        self._digests: dict[str, set[str]] = {}
        self._signals: set[str] = set()
        self._endings: set[tuple[str, str]] = set()
        self._places: set[tuple[str, int]] = set()

    def take(self, entry: bytes, kept: Kept | None) -> None:
        """Take a leaf, with what is kept of its message; one that is no entry of a message says nothing."""
        try:
            content: dict[str, Any] = json.loads(entry)
            stream, sequence = str(content["stream"]), int(content["sequence"])
            stored_at = datetime.fromisoformat(content["stored_at"])
            headers: dict[str, str] = {**(kept.headers if kept else {}), **content["headers"]}
        except (ValueError, KeyError, TypeError, RecursionError):
            return
        self.began_at = stored_at if self.began_at is None else min(self.began_at, stored_at)
        if stream in _PLACES:
            self._places.add((stream, sequence))
        elif stream in {"COMMANDS", "PROGRESS"}:
            message_id = next((it for name, it in headers.items() if name.lower() == _MESSAGE_ID), "")
            self._take_id(stream, message_id)

    def _take_id(self, stream: str, message_id: str) -> None:
        if stream == "PROGRESS":
            if found := _ENDING.fullmatch(message_id):
                self._endings.add((found[1], found[2]))
        elif found := _START.fullmatch(message_id):
            run, digest = found[1], found[2]
            forms = (run, run.partition(_ROUTE_ENDS)[2] or run)
            self.started.add(forms)
            for name in forms:
                self._digests.setdefault(name, set()).add(digest)
        elif found := _SIGNAL.fullmatch(message_id):
            self._signals.add(found[1])

    def has_start(self, run: str, digest: str | None) -> bool:
        """Return whether a start of a run has a leaf.

        Args:
            run: The workflow id, percent-encoded as headers are.
            digest: The digest of its event; None if the run names none.
        """
        digests = self._digests.get(run, set())
        return bool(digests) if digest is None else digest[:16] in digests

    def has_signal(self, request_id: str) -> bool:
        """Return whether a signal has a leaf.

        Args:
            request_id: By which Temporal knows it, percent-encoded: the place or the id of the message that carried it.
        """
        stream, _, rest = request_id.partition(".")
        sequence = rest.partition(".")[0]
        if stream in _PLACES and sequence.isdecimal():
            return (stream, int(sequence)) in self._places
        return request_id in self._signals

    def has_ending(self, run_id: str, kind: str) -> bool:
        """Return whether an ending has a leaf."""
        return (run_id, kind) in self._endings
