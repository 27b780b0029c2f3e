"""An explanation: three sentences with their places, then the evidence."""

from dataclasses import dataclass
from typing import Literal

from perdure.values.printable import one_line

__all__ = ["Answer", "Cause", "EvidenceItem", "Explanation", "Sentence", "cite", "closed"]

Cause = Literal[
    "unknown",
    "silent",
    "not_read",
    "no_route",
    "not_named",
    "unreported",
    "no_match",
    "held_window",
    "held_rate",
    "held_max_open",
    "held_max_open_per_key",
    "held_singleton",
    "held_debounce",
    "held_batch",
    "held_pause",
    "held",
    "skipped",
    "cancelled_start",
    "debounced",
    "duplicate",
    "batched",
    "dead_letter",
    "resent",
    "dropped",
    "waiting_start",
    "delayed",
    "waiting_worker",
    "waiting_version",
    "waiting_server",
    "waiting_step",
    "waiting_person",
    "channel_down",
    "waiting_signal",
    "mended_code",
    "paused",
    "lost",
    "running",
    "completed",
    "failed",
    "cancelled",
    "terminated",
    "timed_out",
    "approved",
    "rejected",
    "expired",
    "withdrawn",
    "decision_accepted",
    "decision_refused",
    "decision_waiting",
]
"""Why things are as they are, for programs. A program must expect words that it does not know."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence for people.

    Attributes:
        text: The sentence.
        places: The messages that prove it, each as ``<stream>:<sequence>``.
    """

    text: str
    places: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return the sentence with its places in brackets."""
        return f"{self.text} [{', '.join(self.places)}]" if self.places else self.text


@dataclass(frozen=True, slots=True)
class EvidenceItem:
    """One fact that the sentences rest on.

    Attributes:
        part: What it is: ``event``, ``same id``, ``verdict``, ``command``, ``run``, ``step``, ``problem``, ``worker``,
            ``approval``, ``decision``, ``receipt``, ``notice``, ``dead letter``, ``act`` or ``result``.
        fact: The fact and its places.
    """

    part: str
    fact: Sentence


@dataclass(frozen=True, slots=True)
class Answer:
    """The three sentences.

    Attributes:
        cause: See ``Cause``.
        became: What became of it.
        why: Why.
        remedy: What to do.
    """

    cause: Cause
    became: Sentence
    why: Sentence
    remedy: Sentence


@dataclass(frozen=True, slots=True)
class Explanation:
    """What became of something, why, and what to do.

    Attributes:
        asked: The id, as it was asked.
        about: What it names; see ``About``.
        answer: The three sentences.
        evidence: What they rest on, in the order of the flow.
        silent: The streams and services that did not answer in time: what they know is missing here.
    """

    asked: str
    about: str
    answer: Answer
    evidence: tuple[EvidenceItem, ...]
    silent: tuple[str, ...]


def cite(text: str, *places: str | None) -> Sentence:
    """Return a sentence with its places, each once; None is left out."""
    return Sentence(text, tuple(dict.fromkeys(place for place in places if place)))


def closed(text: str) -> str:
    """Return the text of others as the end of a sentence: one line, with a full stop."""
    line = one_line(text)
    return line if line.endswith((".", "!", "?")) else f"{line}."
