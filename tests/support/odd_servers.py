"""MCP servers without any SDK, whose tools are as a test wants them; see ``odd_server.py``."""

import json
import sys
from pathlib import Path
from typing import Any, Final

from perdure.config.settings import StdioServer

__all__ = ["odd"]

_PROGRAM: Final = Path(__file__).with_name("odd_server.py")


def odd(*tools: dict[str, Any], **settings: Any) -> StdioServer:
    """Return the configuration of a server with these tools."""
    return StdioServer(command=sys.executable, args=(str(_PROGRAM), json.dumps(tools)), **settings)
