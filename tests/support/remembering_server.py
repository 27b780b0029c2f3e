"""An MCP server over stdio that keeps state: ``remembering_server.py LOG [SCOPE]``.

It appends ``+<process id>`` to the log when it starts, and ``-<process id>`` when its input ends. The tool ``add``
takes a ``value`` and returns all values so far, ``die`` ends the process, ``wait`` waits so many seconds, and ``files``
lists its home. The resource ``memory:all`` has all values so far; ``memory:when:PATH`` makes a file ``PATH.asked``, and
has them once PATH exists. With a scope it declares the experimental capability ``perdure/session``.
"""

import json
import os
import sys
import time
from pathlib import Path
from threading import Lock, Thread
from typing import Any

_values: list[str] = []
_writing = Lock()


def _note(log: Path, sign: str) -> None:
    with log.open("a") as lines:
        lines.write(f"{sign}{os.getpid()}\n")


def _text() -> str:
    (Path.home() / "values").write_text(",".join(_values))
    return ",".join(_values)


def _call(name: str, arguments: dict[str, str]) -> dict[str, Any]:
    match name:
        case "add":
            _values.append(arguments["value"])
        case "die":
            os._exit(9)
        case "wait":
            time.sleep(float(arguments["value"]))
        case "files":
            return {
                "content": [{"type": "text", "text": " ".join(sorted(path.name for path in Path.home().iterdir()))}]
            }
    return {"content": [{"type": "text", "text": _text()}]}


def _result(request: dict[str, Any], scope: str | None) -> dict[str, Any] | None:
    params = request.get("params") or {}
    match request["method"]:
        case "initialize":
            experimental = {"experimental": {"perdure/session": {"scope": scope}}} if scope else {}
            server = {"serverInfo": {"name": "remembering", "version": "1"}}
            capabilities = {"tools": {}, "resources": {}, **experimental}
            return {"protocolVersion": params["protocolVersion"], **server, "capabilities": capabilities}
        case "tools/list":
            names = ("add", "die", "files", "wait")
            return {"tools": [{"name": name, "inputSchema": {"type": "object"}} for name in names]}
        case "tools/call":
            return _call(params["name"], params.get("arguments") or {})
        case "resources/list":
            return {"resources": [{"uri": "memory:all", "name": "all"}]}
        case "resources/read":
            _wait_for(params["uri"])
            return {"contents": [{"uri": params["uri"], "text": _text()}]}
    return None


def _wait_for(uri: str) -> None:
    _, _, path = uri.partition("memory:when:")
    if path:
        Path(f"{path}.asked").touch()
        while not Path(path).exists():
            time.sleep(0.02)


def _answer(request: dict[str, Any], scope: str | None) -> None:
    result = _result(request, scope)
    answer = {"result": result} if result else {"error": {"code": -32601, "message": "no such method"}}
    with _writing:
        print(json.dumps({"jsonrpc": "2.0", "id": request["id"], **answer}), flush=True)  # noqa: T201 (the protocol)


def main(log: Path, scope: str | None) -> None:
    _note(log, "+")
    for line in sys.stdin:
        request = json.loads(line)
        if request["method"] == "resources/read":
            Thread(target=_answer, args=(request, scope), daemon=True).start()  # other requests are answered meanwhile
        elif "id" in request:
            _answer(request, scope)
    _note(log, "-")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2] if sys.argv[2:] else None)
