"""Sets the clocks of single processes wrong, by libfaketime; the servers' clocks stay right."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from perdure.chaos.strike import Strike
from perdure.config.replace_file import replace_file
from perdure.errors import SetupError
from perdure.local.services import service_of

__all__ = ["ClockSkew", "clock_environment"]

_FOLDERS: Final = ("/usr/lib", "/usr/lib64", "/usr/local/lib")
_LIBRARY: Final = "libfaketimeMT.so.1"
_LARGEST: Final = 3_600  # seconds, fast or slow


def clock_environment(file: Path) -> dict[str, str]:
    """Return the variables by which a process reads how wrong its clock is, from a file, at each look at the clock.

    Raises:
        SetupError: libfaketime is not installed.
    """
    replace_file(file, b"+0")
    return {
        "LD_PRELOAD": str(_library()),
        "FAKETIME_TIMESTAMP_FILE": str(file),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",  # timeouts and sleeps go on as they are
    }


class ClockSkew:
    """Sets the clock of one service wrong by up to an hour, in a jump, and right again in another.

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
        _write(files, f"{skew:+d}")
        try:
            yield f"clock {skew:+d} s for {strike.seconds:.1f} s"
        finally:
            _write(files, "+0")


def _write(files: Sequence[Path], text: str) -> None:
    for file in files:
        replace_file(file, text.encode())  # a process may read it at any moment


def _library() -> Path:
    for folder in _FOLDERS:
        for pattern in (f"*/faketime/{_LIBRARY}", f"faketime/{_LIBRARY}"):
            if found := next(Path(folder).glob(pattern), None):
                return found
    raise SetupError(f"The fault clock needs {_LIBRARY}: install libfaketime, on Debian with `apt install faketime`.")
