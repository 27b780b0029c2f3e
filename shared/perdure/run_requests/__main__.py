"""Prints the answer to one request as JSON: a process of its own, because temporalio may fail as a process ends."""

import asyncio
import sys

from perdure.run_requests.answer import answer
from perdure.runtime.exit import exit_process
from perdure.values.run_request import RunRequest

if __name__ == "__main__":
    request = RunRequest.model_validate_json(sys.argv[1])
    print(asyncio.run(answer(request)).model_dump_json())  # noqa: T201 (a program)
    exit_process(0)
