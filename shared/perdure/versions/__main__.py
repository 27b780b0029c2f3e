"""Prints the answer to one request as JSON: a process of its own, because temporalio may fail as a process ends."""

import asyncio
import sys

from perdure.runtime.exit import exit_process
from perdure.values.version_request import VersionRequest
from perdure.versions.answer import answer

if __name__ == "__main__":
    request = VersionRequest.model_validate_json(sys.argv[1])
    print(asyncio.run(answer(request)).model_dump_json())  # noqa: T201 (a program)
    exit_process(0)
