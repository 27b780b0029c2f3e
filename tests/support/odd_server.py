"""An MCP server over stdio without any SDK: ``odd_server.py '[TOOL, …]'``, whose tools are as a test wants them.

A tool is an object with ``name`` and ``inputSchema``, the ``result`` of each call, and optionally a ``log`` to which
each call appends its arguments, and a file: ``until`` it exists a call lasts. A ``result_file`` holds the bytes of a
result, which need not be JSON.
"""

import json
import sys
import time
from pathlib import Path
from threading import Lock, Thread
from typing import Any

_SHOWN = ("name", "inputSchema", "outputSchema")
_writing = Lock()


def _send(id_: Any, **answer: Any) -> None:
    with _writing:
        print(json.dumps({"jsonrpc": "2.0", "id": id_, **answer}), flush=True)  # noqa: T201 (the protocol)


def _send_bytes(id_: Any, result: bytes) -> None:
    with _writing:
        sys.stdout.buffer.write(b'{"jsonrpc": "2.0", "id": %d, "result": %s}\n' % (id_, result))
        sys.stdout.buffer.flush()


def _call(id_: Any, tool: dict[str, Any], arguments: Any) -> None:
    until = tool.get("until")
    if log := tool.get("log"):
        with Path(log).open("a", encoding="utf-8") as calls:
            calls.write(json.dumps(arguments) + "\n")
    while until and not Path(until).exists():
        time.sleep(0.05)
    if file := tool.get("result_file"):
        _send_bytes(id_, Path(file).read_bytes())
    else:
        _send(id_, result=tool["result"])


def _answer(tools: list[dict[str, Any]], request: dict[str, Any]) -> None:
    id_, params = request["id"], request.get("params") or {}
    match request["method"]:
        case "initialize":
            server = {"serverInfo": {"name": "odd", "version": "1"}, "capabilities": {"tools": {}}}
            _send(id_, result={"protocolVersion": params["protocolVersion"], **server})
        case "tools/list":
            shown = [{word: tool[word] for word in _SHOWN if word in tool} for tool in tools]
            _send(id_, result={"tools": shown})
        case "tools/call":
            tool = next(tool for tool in tools if tool["name"] == params["name"])
            Thread(target=_call, args=(id_, tool, params.get("arguments")), daemon=True).start()
        case _:
            _send(id_, error={"code": -32601, "message": "no such method"})


def answer_line(tools: list[dict[str, Any]], line: str) -> None:
    """Answer a line of the input, unless it is a notification."""
    if "id" in (request := json.loads(line)):
        _answer(tools, request)


if __name__ == "__main__":
    _tools = json.loads(sys.argv[1])
    for _line in sys.stdin:
        answer_line(_tools, _line)
