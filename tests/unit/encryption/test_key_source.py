import logging
import sys
from functools import partial
from pathlib import Path

import pytest

from perdure.config.encryption import EncryptionSettings
from perdure.config.private_file import read_private_text
from perdure.encryption import KeySource, key_source, new_key_line
from perdure.errors import SetupError
from tests.support.secret_file import write_secret


def source(file: Path) -> KeySource:
    """Return a source that looks at its file each time."""
    return KeySource(file.read_text, look_every=0, name=str(file))


async def test_a_new_key_is_used_without_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(new_key_line("april"))
    keys = source(file)
    first = (await keys.current()).newest

    file.write_text(new_key_line("may") + file.read_text())

    assert (first, (await keys.current()).newest) == ("april", "may")


async def test_a_ring_that_is_broken_while_a_service_runs_is_reported_and_the_former_one_stays(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "keys"
    file.write_text(new_key_line("april"))
    keys = source(file)
    await keys.current()

    file.write_text("half of a li")
    with caplog.at_level(logging.WARNING):
        ring = await keys.current()

    assert ring.newest == "april"
    assert "is no key ring: line 1 is not" in caplog.text
    assert "The keys that were read before stay in use." in caplog.text


def test_a_ring_that_every_user_of_the_machine_can_read_is_refused(tmp_path: Path) -> None:
    file = write_secret(tmp_path / "keys", new_key_line("april"))
    keys = key_source(EncryptionSettings(keys_file=file))
    assert keys is not None

    file.chmod(0o640)  # a group may be that of the services
    of_group = keys.ring()
    file.chmod(0o604)
    other = KeySource(partial(read_private_text, file), look_every=0, name="")

    assert of_group.newest == "april"
    with pytest.raises(SetupError, match=r"every user of this machine may open it \(mode 604\): `chmod o= .*keys`"):
        other.ring()


async def test_a_ring_that_all_can_read_meanwhile_stops_no_service(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = write_secret(tmp_path / "keys", new_key_line("april"))
    keys = KeySource(partial(read_private_text, file), look_every=0, name=str(file))
    await keys.current()

    file.chmod(0o644)
    with caplog.at_level(logging.WARNING):
        ring = await keys.current()

    assert ring.newest == "april"
    assert "may open it (mode 644)" in caplog.text


def test_a_missing_file_says_what_makes_one(tmp_path: Path) -> None:
    keys = key_source(EncryptionSettings(keys_file=tmp_path / "keys"))

    assert keys is not None
    with pytest.raises(SetupError, match=r"there is no file .*keys. `perdure admin encryption new-key` writes one"):
        keys.ring()


async def test_a_program_prints_the_ring(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(new_key_line("april"))
    program = (sys.executable, "-c", f"print(open({str(file)!r}).read())")
    keys = key_source(EncryptionSettings(keys_command=program, refresh_seconds=3600))
    assert keys is not None

    known = await keys.current()
    file.write_text(new_key_line("may"))
    unlooked = await keys.current()

    assert (known.newest, unlooked.newest) == ("april", "april")


def test_a_program_that_fails_is_named_with_its_last_line() -> None:
    program = (sys.executable, "-c", "raise SystemExit('the vault is closed')")
    keys = key_source(EncryptionSettings(keys_command=program))

    assert keys is not None
    with pytest.raises(SetupError, match="ended with 1: the vault is closed"):
        keys.ring()


def test_without_a_source_there_is_no_ring_and_two_exclude_each_other() -> None:
    assert key_source(EncryptionSettings()) is None
    with pytest.raises(ValueError, match="`keys_file` and `keys_command` exclude each other"):
        EncryptionSettings(keys_file=Path("keys"), keys_command=("vault",))
