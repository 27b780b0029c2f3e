from hypothesis import given
from hypothesis import strategies as st

from perdure.contracts import from_token, to_token

texts = st.text(st.characters(exclude_categories=["Cs"]))


@given(texts)
def test_every_id_is_read_back_from_its_token(text: str) -> None:
    assert from_token(to_token(text)) == text


@given(texts)
def test_a_token_has_no_character_that_nats_interprets(text: str) -> None:
    token = to_token(text)

    assert token
    assert token.isascii()
    assert not set(token) & set(".*> \t\r\n")


def test_usual_ids_are_not_escaped() -> None:
    assert to_token("DocumentAnalysis-42_a") == "DocumentAnalysis-42_a"


def test_a_dot_and_its_escape_have_different_tokens() -> None:
    assert to_token("a.b") != to_token("a=2Eb")
