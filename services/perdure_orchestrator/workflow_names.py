"""Prints the names of the registered workflows, one a line: ``python -m perdure_orchestrator.workflow_names``.

It imports the modules of ``workflows:``. What is wrong with them is reported on standard error, with exit code 1.
"""

from perdure.config.loader import load_settings
from perdure.errors import SetupError
from perdure.runtime.exit import exit_process
from perdure.runtime.stderr import print_error
from perdure_orchestrator.registry import load_registry

if __name__ == "__main__":
    try:
        print(*sorted(load_registry(load_settings().workflows).workflows), sep="\n")  # noqa: T201 (its output)
    except SetupError as error:
        print_error(str(error))
        exit_process(1)
    exit_process(0)
