"""Finds the line of an author's own code in a traceback: the last frame outside of libraries and of Perdure."""

import os
import re
import sys
import sysconfig
from collections.abc import Collection, Iterable
from traceback import walk_tb
from types import FrameType
from typing import Final

__all__ = ["author_frame", "author_place", "place_in_text", "place_of_call", "place_of_frames", "short_path"]

_OURS: Final = "perdure"  # names that begin so are reserved
_LIBRARIES: Final = tuple(
    {sysconfig.get_path(name) + os.sep for name in ("stdlib", "platstdlib", "purelib", "platlib")}
)
_FRAME: Final = re.compile(r'File "(?P<file>[^"<]+)", line (?P<line>\d+)')
_OUR_FOLDER: Final = os.path.dirname(os.path.dirname(__file__))  # noqa: PTH120 (compared as text)
_OUR_SERVICE: Final = re.compile(rf"[/\\]{_OURS}_\w+[/\\]")


def author_place(error: BaseException, packages: Collection[str] = ()) -> str | None:
    """Return the place in the author's code at which an error was raised, as ``greetings.py:21``.

    Args:
        error: Whatever was raised.
        packages: Packages that are the author's even if they are installed among the libraries.

    Returns:
        None if no frame of the traceback is the author's.
    """
    return _written(author_frame(error, packages))


def author_frame(error: BaseException, packages: Collection[str] = ()) -> tuple[str, int] | None:
    """Return file and line of the same place."""
    if isinstance(error, SyntaxError) and error.filename and not error.filename.startswith("<"):
        return error.filename, error.lineno or 1
    frames = [
        (frame.f_code.co_filename, line)
        for frame, line in walk_tb(error.__traceback__)
        if _is_author_frame(frame, packages)
    ]
    return frames[-1] if frames else None


def place_of_call(frame: FrameType | None, packages: Collection[str] = ()) -> str | None:
    """Return the author's line that has led to a call, from the frame of the call outwards."""
    while frame is not None:
        if _is_author_frame(frame, packages):
            return _written((frame.f_code.co_filename, frame.f_lineno))
        frame = frame.f_back
    return None


def place_of_frames(frames: Iterable[FrameType], packages: Collection[str] = ()) -> str | None:
    """Return the innermost of the author's lines, of frames from outermost to innermost."""
    own = [frame for frame in frames if _is_author_frame(frame, packages)]
    return _written((own[-1].f_code.co_filename, own[-1].f_lineno)) if own else None


def place_in_text(trace: str) -> str | None:
    """Return the place in the author's code that a traceback in text ends in, as ``greetings.py:21``."""
    frames = [(found["file"], int(found["line"])) for found in _FRAME.finditer(trace)]
    own = [(file, line) for file, line in frames if _is_author(file, "", ()) and not _is_ours(file)]
    return _written(own[-1] if own else None)


def short_path(file: str) -> str:
    """Return the path of a file below the folder of ``sys.path`` from which it is imported; else the whole path."""
    folders = [os.path.join(os.path.abspath(folder), "") for folder in sys.path]  # noqa: PTH100, PTH118 ("" is here)
    fitting = [folder for folder in folders if file.startswith(folder)]
    return file.removeprefix(max(fitting, key=len, default=""))


def _is_author_frame(frame: FrameType, packages: Collection[str]) -> bool:
    return _is_author(frame.f_code.co_filename, str(frame.f_globals.get("__name__", "")), packages)


def _is_author(file: str, module: str, packages: Collection[str]) -> bool:
    package = module.partition(".")[0]
    if package in packages:
        return True
    return not (file.startswith(("<", *_LIBRARIES)) or package.startswith(_OURS))


def _is_ours(file: str) -> bool:
    return file.startswith(_OUR_FOLDER) or _OUR_SERVICE.search(file) is not None


def _written(frame: tuple[str, int] | None) -> str | None:
    return None if frame is None else f"{short_path(frame[0])}:{frame[1]}"
