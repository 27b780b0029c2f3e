"""Sets the clocks of single processes wrong; the servers' clocks stay right.

libfaketime would do the same, but its version 0.9.10 breaks ``time.sleep`` where it leaves the monotonic clock alone.
"""

import mmap
import shutil
import struct
import subprocess
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from perdure.chaos.strike import Strike
from perdure.errors import SetupError
from perdure.local.services import service_of

__all__ = ["ClockSkew", "build_skewed_clock", "clock_environment"]

_SOURCE: Final = Path(__file__).with_name("skewed_clock.c")
_LARGEST: Final = 3_600  # seconds, fast or slow
_SECONDS: Final = struct.Struct("l")


def build_skewed_clock(folder: Path) -> Path:
    """Compile the library that is preloaded into a process whose clock shall be wrong, and return its path.

    Raises:
        SetupError: There is no C compiler, or it fails.
    """
    compiler, library = shutil.which("cc"), folder / "skewed_clock.so"
    if compiler is None:
        raise SetupError("The fault clock needs a C compiler: install one, on Debian with `apt install gcc libc6-dev`.")
    command = [compiler, "-O2", "-shared", "-fPIC", "-o", str(library), str(_SOURCE), "-ldl"]
    tried = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 (our own arguments)
    if tried.returncode:
        raise SetupError(f"The C compiler cannot build the library of the fault clock: {tried.stderr.strip()}")
    return library


def clock_environment(library: Path, file: Path) -> dict[str, str]:
    """Return the variables of a process whose clock follows a file; the file is made, and the clock right."""
    file.write_bytes(_SECONDS.pack(0))
    return {"LD_PRELOAD": str(library), "CHAOS_CLOCK_FILE": str(file)}


class ClockSkew:
    """Sets the clock of one service wrong by up to an hour, in a jump, and right again in another.

    Args:
        files: The file of each process.

    Attributes:
        targets: The services.
    """

    def __init__(self, files: Mapping[str, Path]) -> None:
        self._files = files
        self.targets: Sequence[str] = list(dict.fromkeys(map(service_of, files)))

    @asynccontextmanager
    async def struck(self, strike: Strike) -> AsyncIterator[str]:
        """Set the clocks of a service's processes wrong for the duration of the block."""
        skew = round((2 * strike.roll - 1) * _LARGEST)
        files = [file for name, file in self._files.items() if service_of(name) == strike.target]
        _set(files, skew)
        try:
            yield f"clock {skew:+d} s for {strike.seconds:.1f} s"
        finally:
            _set(files, 0)


def _set(files: Sequence[Path], seconds: int) -> None:
    """Change the files in place, since processes have mapped them."""
    for file in files:
        with file.open("r+b") as opened, mmap.mmap(opened.fileno(), _SECONDS.size) as mapped:
            mapped[:] = _SECONDS.pack(seconds)
