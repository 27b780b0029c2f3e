import pytest

from perdure_offline.sentiment import sentiment


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("The support team is kind and the maps are a joy to use.", "positive"),
        ("Refunds are a terrible mess and the search is awful.", "negative"),
        ("The meeting takes place on Monday in room four.", "neutral"),
        ("", "neutral"),
    ],
)
def test_the_label_follows_the_words(text: str, label: str) -> None:
    assert sentiment(text).label == label


def test_evidence_is_quoted_from_both_sides_the_strongest_first(feedback: str) -> None:
    tone = sentiment(feedback)

    praise = [each for each in tone.evidence if each.score > 0]
    blame = [each for each in tone.evidence if each.score < 0]
    assert praise[0].sentence.startswith("Customers love the new offline maps")
    assert "angry about refunds" in blame[0].sentence
    assert [each.score for each in praise] == sorted((each.score for each in praise), reverse=True)
    assert [each.score for each in blame] == sorted(each.score for each in blame)


def test_words_that_are_neutral_in_a_contract_have_no_score() -> None:
    assert sentiment("Each party bears interest on the value of its share in this agreement.").score == 0


def test_a_text_in_another_language_is_not_misread_as_english() -> None:
    tone = sentiment("Die Firma hat die Ware nicht bezahlt, und die Rechnung ist fällig.")  # "die" is a word in English

    assert (tone.label, tone.score, tone.evidence) == ("neutral", 0.0, ())
