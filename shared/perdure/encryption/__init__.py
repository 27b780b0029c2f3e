"""Encryption of values by a ring of keys, each value bound to its run. It knows neither Temporal nor NATS."""

from perdure.encryption.key_ring import KeyRing, check_key_id, new_key_line, parse_key_ring
from perdure.encryption.key_source import KeySource, key_source
from perdure.encryption.run_binding import RunBinding
from perdure.encryption.sealed import MissingKey, Sealed, WrongRun, open_sealed, seal

__all__ = [
    "KeyRing",
    "KeySource",
    "MissingKey",
    "RunBinding",
    "Sealed",
    "WrongRun",
    "check_key_id",
    "key_source",
    "new_key_line",
    "open_sealed",
    "parse_key_ring",
    "seal",
]
