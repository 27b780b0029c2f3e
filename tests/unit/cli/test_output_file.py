"""Files that commands write by --output: a wrong place is named, and what is no plain file keeps its place."""

import os
import threading
from pathlib import Path

import pytest

from perdure.cli.audit.receipt import write_out
from perdure.errors import WrongArgument


@pytest.mark.parametrize("name", ["", "absent/receipt"])
def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(WrongArgument, match=r"--output .* cannot be written: "):
        write_out(tmp_path / name, "text")


def test_a_pipe_is_written_and_stays_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()), daemon=True)
    reader.start()

    write_out(pipe, "text")

    assert pipe.is_fifo()
    reader.join(10)
    assert read == ["text"]


def test_a_file_is_replaced(tmp_path: Path) -> None:
    file = tmp_path / "receipt"
    file.write_text("a longer text that was there before")

    write_out(file, "text")

    assert file.read_text() == "text"
