"""What no erasure reaches, in sentences: the command prints them, and the record of an erasure refers to them."""

from typing import Final

__all__ = ["STAYS"]

STAYS: Final = (
    "The ledger keeps each message's place, subject, size, time, type and ids: an id that names a person stays.",
    "ADMIN keeps who erased what and why, and acts on runs with their reasons.",
    "The start ledger keeps an event's id and the digest of its data for 400 days: it must not run again.",
    "Backups, exports and archives that were made before, of databases, streams and Temporal, have all of it.",
    "Logs, traces and metrics are yours to delete; so is what tools, channels and your own code have sent.",
    "Model providers and MCP servers keep what they were sent by their own rules.",
    "Whoever read a stream or has a message of a channel has it; checkpoints that others saw hold no content.",
)
"""Each as a sentence."""
