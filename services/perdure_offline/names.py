"""Finds names by their capital letters, because no list of names is complete."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import dropwhile
from typing import Final

from perdure_offline.language import stop_words
from perdure_offline.patterns import CURRENCIES, MONTHS

__all__ = ["LEGAL_FORMS", "names"]

LEGAL_FORMS: Final = frozenset(
    (
        *("AB", "AG", "AS", "BV", "B.V.", "Corp", "GmbH", "Inc", "KG", "LLC", "LLP", "Ltd", "NV", "N.V.", "Oy", "PLC"),
        *("S.A.", "SA", "SAS", "SE", "S.p.A.", "SpA", "S.r.l.", "Srl"),
    )
)
_PARTICLES: Final = frozenset(("of", "de", "del", "della", "delle", "der", "di", "la", "van", "von"))
_WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_TITLES: Final = ("Dr", "Dr.", "Mr", "Mr.", "Mrs", "Mrs.", "Ms", "Ms.", "Prof", "Prof.")
_NO_NAME: Final = frozenset((*CURRENCIES, *MONTHS, *_WEEKDAYS, *_TITLES))
_NEVER_FIRST: Final = _NO_NAME | _PARTICLES
# After one of these a single capitalised word is a defined term ("the Buyer"), not a name.
_DETERMINERS: Final = frozenset(("a", "an", "any", "each", "either", "every", "no", "such", "that", "the", "this"))

_WORD: Final = re.compile(r"[^\W\d_][\w.&'\u2019-]*")
_TAIL: Final = re.compile(r"(?:['\u2019]s)?[.&'\u2019-]*$")
_INITIAL: Final = 2  # characters, the full stop among them
_OPENS: Final = frozenset('.!?:·"“„«([')
# Two characters a word: is it next to the one before (-) or not (|), capitalised (C), a particle (p) or neither (x)?
_RUN: Final = re.compile(r".C(?:-C|-p-C)*")


@dataclass(frozen=True, slots=True)
class _Word:
    """A word in a sentence.

    Attributes:
        after: The word right before it; empty if something else stands between them.
        opens: Whether a sentence or a quotation starts with it.
    """

    text: str
    start: int
    after: str
    opens: bool

    @property
    def end(self) -> int:
        return self.start + len(self.text)


def names(sentences: Sequence[str], language: str | None) -> Iterator[str]:
    """Yield the names in the sentences, in order, as often as they occur.

    Two capitalised words in a row are a name. A single one is a name only where no rule of writing explains its
    capital letter: not at the start of a sentence, and not if the text also has the word in lower case.
    """
    lines = [tuple(_words(sentence)) for sentence in sentences]
    common = stop_words(language) | {word.text for line in lines for word in line if word.text[0].islower()}
    for sentence, line in zip(sentences, lines, strict=True):
        for run in (_trimmed(found, common) for found in _runs(line)):
            if run and _is_name(run, common, language):
                yield sentence[run[0].start : run[-1].end]


def _words(sentence: str) -> Iterator[_Word]:
    before, end = "", 0
    for match in _WORD.finditer(sentence):
        text, gap = _stripped(match[0]), sentence[end : match.start()]
        yield _Word(text, match.start(), before if gap.isspace() else "", not before or not _OPENS.isdisjoint(gap))
        before, end = text, match.start() + len(text)


def _stripped(written: str) -> str:
    keeps_its_stop = written in LEGAL_FORMS or written in _TITLES or len(written) == _INITIAL
    return written if keeps_its_stop else _TAIL.sub("", written)


def _runs(line: Sequence[_Word]) -> Iterator[Sequence[_Word]]:
    signs = "".join(("-" if word.after else "|") + _sign(word.text) for word in line)
    for match in _RUN.finditer(signs):
        yield line[match.start() // 2 : match.end() // 2]


def _sign(word: str) -> str:
    if word[0].isupper():
        return "C"
    return "p" if word in _PARTICLES else "x"


def _trimmed(run: Sequence[_Word], common: frozenset[str]) -> Sequence[_Word]:
    kept = list(dropwhile(lambda word: _cannot_begin(word, common), run))
    while kept and kept[-1].text in _NO_NAME:
        kept.pop()
    return kept


def _cannot_begin(word: _Word, common: frozenset[str]) -> bool:
    return word.text in _NEVER_FIRST or (word.opens and word.text.casefold() in common)


def _is_name(run: Sequence[_Word], common: frozenset[str], language: str | None) -> bool:
    first = run[0]
    if not any(character.islower() for word in run for character in word.text):
        return False  # an abbreviation, or text in capitals
    if len(run) > 1:
        return True
    explained = first.opens or first.after.casefold() in _DETERMINERS or first.text.casefold() in common
    return not explained and language != "de"  # German capitalises every noun
