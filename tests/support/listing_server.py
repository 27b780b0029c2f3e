"""An MCP server over stdio without any SDK, whose list of tools comes in pages and changes: ``listing_server.py FILE``.

The file holds the pages as JSON, each a list of names. The last page names the first one as the next if the variable
``CURSOR`` is ``circle``, and pages without an end follow if it is ``endless``. The tool ``swap`` takes other ``pages``,
and notifies of the change. Where the variable ``BUSY`` names a file, no list is answered after that until it exists.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

_FILE = Path(sys.argv[1])
_waits: list[Path] = []


def _send(**message: Any) -> None:
    print(json.dumps({"jsonrpc": "2.0", **message}), flush=True)  # noqa: T201 (the protocol)


def _list(cursor: str | None) -> dict[str, Any]:
    while not all(path.exists() for path in _waits):
        time.sleep(0.02)
    pages: list[list[str]] = json.loads(_FILE.read_text())
    number = int(cursor or 0)
    names = pages[number] if number < len(pages) else [f"tool_{number}"]
    last = {"endless": str(number + 1), "circle": "0", "number": 7}.get(os.environ.get("CURSOR", ""))
    following = str(number + 1) if number + 1 < len(pages) else last
    tools = [{"name": name, "inputSchema": {"type": "object"}} for name in names]
    return {"tools": tools, "nextCursor": following}


def _call(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    if name == "swap":
        _FILE.write_text(json.dumps(arguments["pages"]))
        _send(method="notifications/tools/list_changed")
        _waits.append(Path(os.environ.get("BUSY", "/")))
    if not any(name in page for page in json.loads(_FILE.read_text())) and name != "swap":
        return {"error": {"code": -32602, "message": f"Unknown tool: {name}"}}
    return {"result": {"content": [{"type": "text", "text": f"{name} was called"}]}}


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    params = request.get("params") or {}
    match request["method"]:
        case "initialize":
            capabilities = {"tools": {"listChanged": True}}
            about = {"serverInfo": {"name": "listing", "version": "1"}, "capabilities": capabilities}
            return {"result": {"protocolVersion": params["protocolVersion"], **about}}
        case "tools/list":
            return {"result": _list(params.get("cursor"))}
        case "tools/call":
            return _call(params["name"], params.get("arguments") or {})
        case _:
            return {"error": {"code": -32601, "message": "no such method"}}


if __name__ == "__main__":
    for _line in sys.stdin:
        if "id" in (_request := json.loads(_line)):
            _send(id=_request["id"], **_answer(_request))
