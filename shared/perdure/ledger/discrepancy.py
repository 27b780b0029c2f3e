"""What a verification finds: faults, each under the verdict that it decides, with the leaf where it shows."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["Discrepancy", "Verdict"]

Verdict = Literal["integrity", "completeness", "freshness"]
"""Whether what is recorded was changed; whether all is recorded; whether the record goes as far as others have seen."""


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """Something that an honest record does not have.

    Attributes:
        verdict: The question that it answers with no.
        leaf: Index of the leaf where it shows; None if none is there to name.
        text: What is wrong, as a sentence.
    """

    verdict: Verdict
    leaf: int | None
    text: str
