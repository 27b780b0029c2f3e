"""An MCP server that does not end by itself: ``stubborn_server.py FOLDER [MODE …]``, like a wrapper such as npx.

It starts a child, and writes the process ids of both into the folder. Modes:

* ``eof`` ignores the end of its input, ``term`` writes a file ``terminated`` at SIGTERM and goes on;
* ``orphan`` ends at the end of its input, without its child;
* ``exit=N`` ends at the first tool call with that code;
* ``after=PATH`` writes a file ``ended`` at the end of its input, and ``done`` once the path exists.
"""

import os
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.support import odd_server

_TOOL = {"name": "read", "inputSchema": {"type": "object"}, "result": {"content": []}}


def _write(folder: Path, name: str, text: str) -> None:
    whole = folder / f".{name}"
    whole.write_text(text)
    whole.rename(folder / name)  # whoever waits for the file reads all of it


def _sleep_for_ever() -> None:
    while True:
        time.sleep(60)


def _serve(modes: set[str]) -> None:
    for line in sys.stdin:
        exits = [mode for mode in modes if mode.startswith("exit=")]
        if exits and "tools/call" in line:
            print("no licence for this host", file=sys.stderr)  # noqa: T201 (what a server writes at its end)
            os._exit(int(exits[0].partition("=")[2]))
        odd_server.answer_line([_TOOL], line)


def main(folder: Path, modes: set[str]) -> None:
    if "term" in modes:
        signal.signal(signal.SIGTERM, lambda *_: (folder / "terminated").touch())
    child = os.fork()
    if child == 0:
        _sleep_for_ever()
    _write(folder, "pids", f"{os.getpid()} {child}")
    _serve(modes)
    if "eof" in modes:
        _sleep_for_ever()
    for mode in modes:
        if mode.startswith("after="):
            _write(folder, "ended", "")
            while not Path(mode.partition("=")[2]).exists():
                time.sleep(0.05)
            _write(folder, "done", "")


if __name__ == "__main__":
    main(Path(sys.argv[1]), set(sys.argv[2:]))
