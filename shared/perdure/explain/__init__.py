"""Explains what became of an event, run, approval request, decision or dead letter: pure functions of a snapshot."""

from perdure.explain.explained import explained
from perdure.explain.explanation import Cause, EvidenceItem, Explanation, Sentence
from perdure.explain.request_cause import settlement_text
from perdure.explain.snapshot import About, Cited, DueFacts, EventFacts, FactSnapshot, RequestFacts, RunFacts

__all__ = [
    "About",
    "Cause",
    "Cited",
    "DueFacts",
    "EventFacts",
    "EvidenceItem",
    "Explanation",
    "FactSnapshot",
    "RequestFacts",
    "RunFacts",
    "Sentence",
    "explained",
    "settlement_text",
]
