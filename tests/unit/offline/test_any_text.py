import subprocess
import sys
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perdure_offline.analysis import Analysis
from perdure_offline.blocks import blocks
from perdure_offline.entities import entities
from perdure_offline.key_phrases import key_phrases
from perdure_offline.report import report
from perdure_offline.sentiment import sentiment
from perdure_offline.summary import summarise
from perdure_offline.task import read_assignment

ANALYSES: list[Callable[[str], object]] = [summarise, sentiment, entities, key_phrases]
MEGABYTE = 1_000_000

# Text in any script, mixed with pieces that a library or a rule treats specially.
PIECES = [
    "Dr. ",
    "Ann Lee",
    "EUR 5",
    "€",
    "%",
    "March",
    "the ",
    "great",
    "not ",
    ". ",
    ":\n",
    "\n\n",
    "# ",
    "| ",
    "> ",
    "`",
]
TEXTS = st.text() | st.lists(st.sampled_from(PIECES) | st.text(max_size=5)).map("".join)


@given(TEXTS)
@settings(deadline=None)  # the first text loads the libraries
def test_any_text_in_any_script_can_be_reported_on(text: str) -> None:
    assert report(Analysis(text), ()) == report(Analysis(text), ())


@given(TEXTS)
@settings(deadline=None)
def test_all_findings_are_quotations_of_the_text(text: str) -> None:
    analysis = Analysis(text)
    source = "\n".join(block.text for block in blocks(text))

    quoted = [*analysis.summary.sentences, *(each.sentence for each in analysis.sentiment.evidence)]
    assert all(quote in source for quote in quoted)
    assert all(entity.text in source for entity in analysis.entities)


@given(TEXTS)
@settings(deadline=None)
def test_numbers_stay_on_their_scale(text: str) -> None:
    analysis = Analysis(text)

    assert -1 <= analysis.sentiment.score <= 1
    assert all(entity.count > 0 for entity in analysis.entities)
    assert all(0 < phrase.score <= 1 for phrase in analysis.key_phrases)


@given(instruction=st.text(), prompt=TEXTS)
@settings(deadline=None)
def test_the_text_of_an_assignment_is_the_end_of_its_prompt(instruction: str, prompt: str) -> None:
    assert prompt.endswith(read_assignment(instruction, prompt).text)


@pytest.mark.parametrize("analyse", ANALYSES)
def test_a_megabyte_of_prose_is_analysed(analyse: Callable[[str], object], incident: str) -> None:
    text = (incident * (MEGABYTE // len(incident) + 1))[:MEGABYTE]

    assert analyse(text) != analyse("")


# Texts without an end of sentence or of word, or with one mark repeated, made other libraries hang or crash.
@pytest.mark.parametrize("analyse", ANALYSES)
@pytest.mark.parametrize(
    "unit", ["a", ".", "`", "word ", "Ab. ", "[", "> ", "今", "1,", "Ab", "http://", "a@", "EUR 1 "]
)
def test_a_monotonous_text_is_analysed(analyse: Callable[[str], object], unit: str) -> None:
    text = unit * (30_000 // len(unit))

    assert analyse(text) == analyse(text)


def test_importing_the_model_does_not_load_the_text_libraries() -> None:
    program = "import sys, perdure_offline; print(*sys.modules)"

    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()

    assert "perdure_offline.model" in loaded
    assert not {"nupunkt", "vader", "stop_words", "markdown_it"}.intersection(loaded)
