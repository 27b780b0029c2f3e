"""An MCP server over stdio whose answers are as a test wants them, JSON-RPC or not.

An answer by a request's method is a result, or the text of a whole line, in which ``ID`` stands for the request's id.
"""

import json
import sys
from pathlib import Path
from typing import Any, Final

from perdure.config.settings import StdioServer

__all__ = ["INIT", "answering"]

_PROGRAM: Final = """
import json, sys
from pathlib import Path
answers = json.loads(Path(sys.argv[1]).read_text())
for line in sys.stdin:
    it = json.loads(line)
    if "id" in it:
        found = answers.get(it["method"])
        answer = {"result": found} if found else {"error": {"code": -32601, "message": "no such method"}}
        raw = found if isinstance(found, str) else json.dumps({"jsonrpc": "2.0", "id": it["id"], **answer})
        print(raw.replace("ID", str(it["id"])), flush=True)
"""
INIT: Final = {
    "protocolVersion": "2025-06-18",
    "capabilities": {"tools": {}},
    "serverInfo": {"name": "s", "version": "1"},
}


def answering(folder: Path, **answers: Any) -> StdioServer:
    """Return the configuration of a server with a tool ``t``; a name stands for a method, as ``tools_call`` does."""
    tools = {"tools": [{"name": "t", "inputSchema": {"type": "object"}}]}
    named = {name.replace("_", "/"): answer for name, answer in answers.items()}
    file = folder / "answers.json"
    file.write_text(json.dumps({"initialize": INIT, "tools/list": tools, **named}))
    return StdioServer(command=sys.executable, args=("-c", _PROGRAM, str(file)))
