"""Asks Temporal which version is current, by a program of its own."""

import logging
from collections.abc import Mapping
from typing import Final

from pydantic import ValidationError

from perdure.local.own_program import run_own_program
from perdure.values.version_request import VersionAnswer, VersionRequest

__all__ = ["current_build"]

_PROGRAM: Final = "perdure.versions"
_ANSWERS_WITHIN: Final = 20.0  # seconds

_log = logging.getLogger(__name__)


async def current_build(environment: Mapping[str, str]) -> str | None:
    """Return the build on which new runs start, empty if there is none; None if Temporal does not say.

    Args:
        environment: Variables of the program: the configuration, the servers.
    """
    request = VersionRequest(act="list").model_dump_json()
    try:
        ended = await run_own_program(_PROGRAM, request, within=_ANSWERS_WITHIN, environment=environment)
        answer = VersionAnswer.model_validate_json(ended.output)
    except (TimeoutError, ValidationError) as error:
        _log.warning("it is not known which version is current: %r", error)
        return None
    if answer.verdict != "done":
        _log.warning("it is not known which version is current: %s", answer.error)
        return None
    return next((it.build for it in answer.versions if it.state == "current"), "")
