from pathlib import Path

from typer.testing import CliRunner

from perdure.cli.app import app
from perdure.encryption import parse_key_ring


def new_key(*options: str) -> str:
    """Run the command."""
    result = CliRunner().invoke(app, ["admin", "encryption", "new-key", *options])
    return result.output


def test_a_new_key_stands_first_and_the_former_ones_stay(tmp_path: Path) -> None:
    ring = tmp_path / "keys.txt"

    first = new_key("--file", str(ring), "--id", "april")
    second = new_key("--file", str(ring), "--id", "may")

    assert "april encrypts from now on. Keep a backup of" in first
    assert "may encrypts from now on" in second
    assert list(parse_key_ring(ring.read_text()).keys) == ["may", "april"]
    assert ring.stat().st_mode & 0o777 == 0o600


def test_a_ring_that_all_could_read_is_closed(tmp_path: Path) -> None:
    ring = tmp_path / "keys.txt"
    ring.touch()
    ring.chmod(0o644)

    new_key("--file", str(ring))

    assert ring.stat().st_mode & 0o777 == 0o640


def test_an_id_that_is_there_already_changes_nothing(tmp_path: Path) -> None:
    ring = tmp_path / "keys.txt"
    new_key("--file", str(ring), "--id", "april")
    before = ring.read_text()

    refused = new_key("--file", str(ring), "--id", "april")

    assert "the id april stands twice" in refused
    assert ring.read_text() == before
