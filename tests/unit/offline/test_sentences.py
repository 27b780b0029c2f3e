import pytest

from perdure_offline.sentences import sentences


def test_abbreviations_do_not_end_a_sentence() -> None:
    found = sentences("Dr. Adler paid EUR 3.5 million to Tessaro S.r.l. in May. No. 5 is fine. Was it? Yes!")

    assert found == ("Dr. Adler paid EUR 3.5 million to Tessaro S.r.l. in May.", "No. 5 is fine.", "Was it?", "Yes!")


@pytest.mark.parametrize(
    ("text", "count"),
    [("今日は天気がいい。明日は雨です。", 2), ("यह एक वाक्य है। यह दूसरा है।", 2), ("كيف حالك؟ جيد.", 2)],
)
def test_full_stops_of_other_scripts_end_sentences(text: str, count: int) -> None:
    assert len(sentences(text)) == count


def test_headings_and_tables_have_no_sentences() -> None:
    assert sentences("# One title.\n\n| A sentence. |\n| --- |\n| In a table. |\n") == ()


def test_a_line_without_a_word_is_not_a_sentence() -> None:
    assert sentences("... ! ?\n\n***\n\n-") == ()


def test_a_very_long_paragraph_is_read_in_pieces_and_loses_nothing() -> None:
    text = "word " * 5_000

    assert " ".join(sentences(text)).split() == text.split()
