"""An explanation: three sentences with their places, then the evidence."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

from perdure.values.printable import one_line

__all__ = ["ASK_THE_SUITE", "Answer", "Cause", "EvidenceItem", "Explanation", "Sentence", "cite", "closed"]

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
    "waiting_temporal",
    "waiting_server",
    "waiting_step",
    "waiting_person",
    "channel_down",
    "waiting_signal",
    "mended_code",
    "paused",
    "lost",
    "due_later",
    "due_late",
    "due_paused",
    "due_missed",
    "not_due",
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

ASK_THE_SUITE: Final = "Ask the suite itself, without `--offline`; or export the record again."
"""The remedy for what a record does not tell."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence for people.

    Attributes:
        text: The sentence.
        places: The messages that prove it, each as ``<stream>:<sequence>``.
        leaves: The leaf of each of them in the ledger, in the same order; None where it is not known.
    """

    text: str
    places: tuple[str, ...] = ()
    leaves: tuple[int | None, ...] = ()

    def __str__(self) -> str:
        """Return the sentence with its places and leaves in brackets."""
        leaves = self.leaves or (None,) * len(self.places)
        shown = [
            place if leaf is None else f"{place} leaf {leaf}" for place, leaf in zip(self.places, leaves, strict=True)
        ]
        return f"{self.text} [{', '.join(shown)}]" if shown else self.text

    def with_leaves(self, leaves: Mapping[str, int]) -> "Sentence":
        """Return the sentence with the leaves of its places."""
        return replace(self, leaves=tuple(map(leaves.get, self.places)))


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
        unrecorded: What knows more, and is not in a record, if it is a record that was read.
    """

    asked: str
    about: str
    answer: Answer
    evidence: tuple[EvidenceItem, ...]
    silent: tuple[str, ...]
    unrecorded: tuple[str, ...] = ()

    @property
    def _sentences(self) -> tuple[Sentence, ...]:
        return (self.answer.became, self.answer.why, self.answer.remedy, *(it.fact for it in self.evidence))

    @property
    def places(self) -> list[str]:
        """All places that it cites, each once."""
        return list(dict.fromkeys(place for it in self._sentences for place in it.places))

    @property
    def without_leaf(self) -> list[str]:
        """The places that it cites whose leaves are not known, each once."""
        cited = [it for one in self._sentences for it in zip(one.places, one.leaves, strict=False)]
        return list(dict.fromkeys(place for place, leaf in cited if leaf is None))

    def with_leaves(self, leaves: Mapping[str, int], *, silent: tuple[str, ...] = ()) -> "Explanation":
        """Return it with the leaf of each place that it cites.

        Args:
            leaves: The index of the leaf in the ledger by place.
            silent: What did not tell the leaves.
        """
        answer = self.answer
        cited = {name: getattr(answer, name).with_leaves(leaves) for name in ("became", "why", "remedy")}
        return replace(
            self,
            answer=replace(answer, **cited),
            evidence=tuple(replace(it, fact=it.fact.with_leaves(leaves)) for it in self.evidence),
            silent=tuple(sorted({*self.silent, *silent})),
        )


def cite(text: str, *places: str | None) -> Sentence:
    """Return a sentence with its places, each once; None is left out."""
    return Sentence(text, tuple(dict.fromkeys(place for place in places if place)))


def closed(text: str) -> str:
    """Return the text of others as the end of a sentence: one line, with a full stop."""
    line = one_line(text)
    return line if line.endswith((".", "!", "?")) else f"{line}."
