"""Checks the routes, and starts nothing."""

from collections.abc import Iterator

from perdure.config.problem import Problem
from perdure.config.settings import Settings
from perdure_ingest.attributes import clashing_attributes
from perdure_ingest.rules import compile_rule
from perdure_ingest.shared_run_ids import shared_run_ids

__all__ = ["find_problems"]


def find_problems(settings: Settings) -> Iterator[Problem]:
    """Yield what is wrong with each route: its expressions, templates, schema, name, run ids and search attributes."""
    for number in range(len(settings.routes)):
        compiled = compile_rule(settings.routes, number)
        if isinstance(compiled, Problem):
            yield compiled
        else:
            yield from shared_run_ids(settings.routes, number)
            yield from clashing_attributes(settings.routes, number)
