"""An MCP server without any SDK that misbehaves as one of five: ``hostile_server.py KIND FILE``.

Each books the logical calls of its tool ``book_<KIND>`` once, by their idempotency key, in the SQLite database FILE.

* ``steady`` does nothing else.
* ``crashing`` ends without an answer after it has booked each third call for the first time.
* ``hanging`` never answers the first attempt of each second call.
* ``flooding`` sends a thousand progress notifications and a megabyte on stderr, and returns two megabytes.
* ``lying`` answers ids that nobody gave, answers twice, and returns what its own schema forbids.
"""

import json
import os
import sqlite3
import sys
from threading import Lock, Thread
from typing import Any, Final

KEY: Final = "perdure/idempotency-key"
_writing = Lock()


def _send(**message: Any) -> None:
    with _writing:
        print(json.dumps({"jsonrpc": "2.0", **message}), flush=True)  # noqa: T201 (the protocol)


class _Server:
    def __init__(self, kind: str, file: str) -> None:
        self._kind = kind
        self._books = sqlite3.connect(file, isolation_level=None, timeout=30, check_same_thread=False)
        self._books.execute("PRAGMA journal_mode=wal")
        self._books.execute("CREATE TABLE IF NOT EXISTS effects (key TEXT PRIMARY KEY, item TEXT, server TEXT)")

    def answer(self, request: dict[str, Any]) -> None:
        params = request.get("params") or {}
        match request["method"]:
            case "initialize":
                server = {"serverInfo": {"name": self._kind, "version": "1"}, "capabilities": {"tools": {}}}
                _send(id=request["id"], result={"protocolVersion": params["protocolVersion"], **server})
            case "tools/list":
                shape = {"type": "object", "properties": {"item": {"type": "string"}}, "required": ["item"]}
                tool = {"name": f"book_{self._kind}", "inputSchema": shape}
                if self._kind == "lying":
                    tool["outputSchema"] = {"type": "object", "properties": {"booked": {"type": "integer"}}}
                _send(id=request["id"], result={"tools": [tool]})
            case "tools/call":
                Thread(target=self._call, args=(request["id"], params), daemon=True).start()
            case _:
                _send(id=request["id"], error={"code": -32601, "message": "no such method"})

    def _call(self, id_: Any, params: dict[str, Any]) -> None:
        item, meta = params["arguments"]["item"], params["_meta"]
        with _writing:  # one connection, many threads
            row = (meta[KEY], item, self._kind)
            is_first = self._books.execute("INSERT OR IGNORE INTO effects VALUES (?, ?, ?)", row).rowcount == 1
        number, text = int(item.partition("-")[0]), f"{self._kind} booked {item}"
        if self._kind == "crashing" and is_first and number % 3 == 0:
            os._exit(7)
        if self._kind == "hanging" and is_first and number % 2 == 0:
            return
        result: dict[str, Any] = {"content": [{"type": "text", "text": text}]}
        if self._kind == "flooding":
            result["content"].append({"type": "text", "text": "x" * 2_000_000})
            self._flood(meta)
        if self._kind == "lying":
            result["structuredContent"] = {"booked": [text], "more": None}
            _send(id=987_654, result=result)
            _send(id=id_, result=result)
        _send(id=id_, result=result)

    def _flood(self, meta: dict[str, Any]) -> None:
        print("e" * 1_000_000, file=sys.stderr, flush=True)  # noqa: T201 (what such a server logs)
        for number in range(1000):
            params = {"progressToken": meta.get("progressToken", 0), "progress": number, "message": f"part {number}"}
            _send(method="notifications/progress", params=params)


if __name__ == "__main__":
    _server = _Server(*sys.argv[1:3])
    for _line in sys.stdin:
        if "id" in (_request := json.loads(_line)) and "method" in _request:
            _server.answer(_request)
