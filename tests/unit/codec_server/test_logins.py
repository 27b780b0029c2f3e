from pathlib import Path

import pytest

from perdure.codec_server.logins import SESSION_SECONDS, Logins
from perdure.errors import SetupError
from tests.support.secret_file import write_secret

TOKEN = "a" * 24


def logins(tmp_path: Path, text: str = f"# people\nada {TOKEN}\n", now: float = 0) -> Logins:
    """Return logins of a file, at a time."""
    return Logins(write_secret(tmp_path / "tokens", text), lambda: now)


def test_a_token_names_its_person(tmp_path: Path) -> None:
    people = logins(tmp_path)

    assert people.name_of(TOKEN) == "ada"
    assert people.name_of(TOKEN[:-1]) is None
    assert people.name_of("") is None


def test_a_session_names_its_person_until_it_ends(tmp_path: Path) -> None:
    clock = [0.0]
    people = Logins(tmp_path / "tokens", lambda: clock[0])
    write_secret(tmp_path / "tokens", f"ada.b {TOKEN}\n")
    session = people.open_session("ada.b")

    assert people.name_in(session) == "ada.b"
    clock[0] = SESSION_SECONDS
    assert people.name_in(session) is None


def test_a_person_who_is_deleted_from_the_file_has_no_session_any_more(tmp_path: Path) -> None:
    people = logins(tmp_path)
    session = people.open_session("ada")

    logins(tmp_path, f"bob {TOKEN}\n")

    assert people.name_in(session) is None


@pytest.mark.parametrize("session", ["", "ada", "ada.9999999999.", "ada.9999999999.00", ".."])
def test_a_session_that_nobody_has_opened_names_nobody(tmp_path: Path, session: str) -> None:
    assert logins(tmp_path).name_in(session) is None


@pytest.mark.parametrize(
    ("text", "complaint"), [("", "names nobody"), ("ada", "line 1: write"), ("ada short", "16 characters or more")]
)
def test_a_file_of_tokens_that_is_none_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(SetupError, match=complaint):
        logins(tmp_path, text).read()


def test_tokens_that_every_user_of_the_machine_can_read_are_refused(tmp_path: Path) -> None:
    people = logins(tmp_path)
    (tmp_path / "tokens").chmod(0o644)

    with pytest.raises(SetupError, match=r"every user of this machine may open it \(mode 644\): `chmod o= "):
        people.read()
