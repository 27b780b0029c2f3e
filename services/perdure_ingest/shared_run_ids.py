"""Finds routes that start runs of one id for one event: only the first of them starts it."""

import re
from collections.abc import Iterator, Sequence

from perdure.bus.subject_patterns import overlap
from perdure.config.problem import Problem
from perdure.config.routes import Route
from perdure.config.yaml_file import source_position

__all__ = ["shared_run_ids"]


def shared_run_ids(routes: Sequence[Route], number: int) -> Iterator[Problem]:
    """Yield each earlier route that gives its runs the same ids as a route.

    It is a warning where both have a `when`, as these may exclude each other.
    """
    route, where = routes[number], source_position("routes", number)
    for earlier in routes[:number]:
        if not (_same_ids(route, earlier) and overlap(route.on, earlier.on)):
            continue
        both = None not in {route.when, earlier.when} and route.when != earlier.when
        what = (
            f"route {route.label}: `workflow_id: {route.workflow_id}` is also that of route {earlier.label}. "
            f"{'If an event meets `when` of both' if both else 'Of an event that both take'}, one run starts, and the "
            "other is a dead letter: give each its own."
        )
        yield Problem(where=where, what=what, is_warning=both)


def _same_ids(one: Route, other: Route) -> bool:
    if one.start is None or other.start is None or one.workflow_id is None or other.workflow_id is None:
        return False
    return _normalized(one.workflow_id) == _normalized(other.workflow_id)


def _normalized(template: str) -> str:
    return re.sub(r"\{\s*([^{}]*?)\s*\}", r"{\1}", template)
