"""The `cel` package without its command line: that imports prompt_toolkit, which takes longer than all the rest."""

import sys
from types import ModuleType
from typing import Final

__all__ = ["cel"]

_COMMAND_LINE: Final = "cel.cli"

if "cel" not in sys.modules:
    sys.modules[_COMMAND_LINE] = ModuleType(_COMMAND_LINE)  # `cel` imports it, and uses nothing of it
    try:
        import cel
    finally:
        del sys.modules[_COMMAND_LINE]
    del cel.cli  # whoever wants the real one imports it
else:
    import cel
