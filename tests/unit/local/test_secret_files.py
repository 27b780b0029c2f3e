"""Links and sessions of the console: who has the secret is let in, for a time; a link once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from perdure.local.secret_files import SecretFiles


def test_a_secret_is_known_to_every_process_until_it_is_taken(tmp_path: Path) -> None:
    secret = SecretFiles(tmp_path / "links", timedelta(hours=1)).issue("ada")
    others = SecretFiles(tmp_path / "links", timedelta(hours=1))

    assert (others.person(secret), others.take(secret)) == ("ada", "ada")
    assert (others.person(secret), others.take(secret)) == (None, None)


def test_of_many_who_take_a_secret_at_once_one_gets_it(tmp_path: Path) -> None:
    links = SecretFiles(tmp_path, timedelta(hours=1))
    secret = links.issue("ada")

    with ThreadPoolExecutor(8) as pool:
        assert sorted(filter(None, pool.map(lambda _: links.take(secret), range(32)))) == ["ada"]


def test_after_its_time_a_secret_is_none_and_its_file_goes(tmp_path: Path) -> None:
    links = SecretFiles(tmp_path, timedelta(seconds=-1))
    late = links.issue("ada")
    assert links.person(late) is None

    links.issue("bob")

    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("guess", ["", "../approvers", "\udcff", "x" * 10_000])
def test_a_guess_opens_nothing(tmp_path: Path, guess: str) -> None:
    links = SecretFiles(tmp_path, timedelta(hours=1))
    links.issue("ada")

    assert (links.person(guess), links.take(guess)) == (None, None)


def test_the_files_hold_no_secret_and_only_their_owner_reads_them(tmp_path: Path) -> None:
    secret = SecretFiles(tmp_path / "links", timedelta(hours=1)).issue("ada")
    (file,) = (tmp_path / "links").iterdir()

    assert secret not in file.read_text() + file.name
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
