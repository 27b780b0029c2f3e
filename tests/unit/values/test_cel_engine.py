"""CEL is imported without its command line."""

import subprocess
import sys
from typing import Final

_PROGRAM: Final = """
import sys
import perdure_ingest.rules
from perdure.values.cel_engine import cel
assert "prompt_toolkit" not in sys.modules
assert cel.evaluate("1 + 1") == 2
import cel.cli
assert cel.cli.cli_entry, "the real one"
"""


def test_services_do_not_pay_for_the_command_line_of_cel_and_others_still_find_it() -> None:
    done = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
