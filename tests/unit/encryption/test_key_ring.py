from base64 import b64encode

import pytest

from perdure.encryption import KeyRing, new_key_line, parse_key_ring

KEY = b64encode(bytes(32)).decode()


def test_the_first_key_encrypts_and_all_of_them_decrypt() -> None:
    ring = parse_key_ring(f"# rotated in May\n\nmay {KEY}\napril {KEY}\n")

    assert ring.newest == "may"
    assert list(ring.keys) == ["may", "april"]


def test_a_new_line_is_a_key_that_differs_each_time() -> None:
    lines = [new_key_line("may"), new_key_line("may")]

    assert lines[0] != lines[1]
    assert [list(parse_key_ring(line).keys) for line in lines] == [["may"], ["may"]]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "it holds no key"),
        (f"may\n{KEY}", "line 1 is not `<id> <key>`"),
        (f"may {KEY}\nmay {KEY}", "line 2: the id may stands twice"),
        ("may c2hvcnQ=", "line 1: the key has 5 bytes, but AES-256 takes 32"),
        ("may !!!", "line 1: the key is not base64"),
        (f"a/b {KEY}", "line 1: an id has up to 64 letters"),
    ],
)
def test_what_is_no_key_ring_is_refused_with_its_line(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint.replace("(", r"\(")):
        parse_key_ring(text)


def test_no_key_is_shown() -> None:
    assert KEY not in repr(KeyRing({"may": bytes(32)}))
    assert repr(KeyRing({"may": bytes(32)})) == "KeyRing(may)"
