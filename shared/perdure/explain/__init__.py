"""Explains what became of an event, run, approval request, decision or dead letter: pure functions of a snapshot."""

from perdure.explain.explained import explained
from perdure.explain.explanation import Cause, Evidence, Explanation, Sentence
from perdure.explain.snapshot import About, Cited, EventFacts, RequestFacts, RunFacts, Snapshot

__all__ = [
    "About",
    "Cause",
    "Cited",
    "EventFacts",
    "Evidence",
    "Explanation",
    "RequestFacts",
    "RunFacts",
    "Sentence",
    "Snapshot",
    "explained",
]
