import pytest

from perdure_offline.sentences import sentences
from perdure_offline.summary import summarise


def test_a_summary_is_made_of_sentences_of_the_text_in_their_order(incident: str) -> None:
    written = sentences(incident)

    summary = summarise(incident, sentences=5)

    places = [written.index(sentence) for sentence in summary.sentences]
    assert len(places) == 5
    assert places == sorted(places)


def test_a_summary_contains_the_main_fact(incident: str) -> None:
    assert "charged 1,184 customers twice" in summarise(incident).text


def test_a_repeated_fact_is_chosen_once() -> None:
    text = (
        "The pump of the plant in Lyon failed twice in June. " * 5 + "Nobody had ordered spare seals for the turbine."
    )

    summary = summarise(text, sentences=2)

    assert summary.sentences[-1] == "Nobody had ordered spare seals for the turbine."


@pytest.mark.parametrize("text", ["", "   \n", "# Only a title"])
def test_a_text_without_sentences_has_an_empty_summary(text: str) -> None:
    assert summarise(text).text == ""


def test_a_short_text_is_its_own_summary() -> None:
    assert summarise("It rained. We stayed.").text == "It rained. We stayed."
