from perdure_offline.key_phrases import key_phrases


def texts(text: str, limit: int = 10) -> list[str]:
    return [phrase.text for phrase in key_phrases(text, limit)]


def test_phrases_that_a_text_repeats_are_its_key_phrases(incident: str) -> None:
    assert {"Duplicate Charges", "Meridian Pay", "payment worker"} <= set(texts(incident))


def test_parts_of_a_phrase_are_not_listed_beside_it() -> None:
    assert texts("Optical encoders are small. Optical encoders are cheap.") == ["Optical encoders"]


def test_function_words_months_and_currencies_are_not_key_phrases() -> None:
    assert texts("In March we paid EUR 5 of the EUR 9 that we owed since March.") == ["paid", "owed"]


def test_scores_start_at_one_and_fall(feedback: str) -> None:
    scores = [phrase.score for phrase in key_phrases(feedback)]

    assert scores[0] == 1
    assert scores == sorted(scores, reverse=True)
    assert scores[-1] > 0


def test_the_limit_bounds_the_number_of_phrases(contract: str) -> None:
    assert len(texts(contract, limit=3)) == 3
    assert texts("") == []
