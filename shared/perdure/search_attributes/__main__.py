"""Registers the search attributes of the configuration at Temporal: ``python -m perdure.search_attributes``.

Standard output gets one attribute a line, with its type; standard error why one cannot be used, with exit code 1.
"""

import asyncio
import sys

from temporalio.service import RPCError

from perdure.config.loader import load_settings
from perdure.config.route_attributes import attribute_types
from perdure.connections.search_attributes import register_attributes
from perdure.connections.temporal import open_client
from perdure.connections.temporal_refusals import failure_text
from perdure.errors import PerdureError, SetupError, Unavailable
from perdure.local.discovery import discover
from perdure.runtime.exit import exit_process
from perdure.runtime.stderr import print_error
from perdure.values.search_attribute import AttributeType

__all__ = ["register_configured"]


async def register_configured() -> dict[str, AttributeType]:
    """Register what routes give their runs and the namespace lacks; returns all of it.

    Raises:
        SetupError: Some cannot be used.
        Unavailable: Temporal cannot be reached, or failed to answer.
    """
    settings = load_settings()
    _, temporal = discover(settings)
    wanted = attribute_types(settings.routes)
    try:
        problems = await register_attributes(await open_client(temporal), wanted)
    except RPCError as error:
        raise Unavailable(f"Temporal cannot register search attributes: {error}") from error
    except RuntimeError as error:  # temporalio's error when it cannot connect
        raise Unavailable(failure_text(error, temporal)) from error
    if problems:
        raise SetupError("\n".join(problems))
    return wanted


if __name__ == "__main__":
    try:
        for name, type_ in asyncio.run(register_configured()).items():
            print(f"{name} ({type_})")  # noqa: T201 (a program)
        sys.stdout.flush()
        exit_process(0)
    except PerdureError as error:
        print_error(str(error))
        exit_process(1)
