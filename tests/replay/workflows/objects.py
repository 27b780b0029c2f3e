"""Runs whose signals take an object and more. FROZEN, see the package."""

from typing import Any

from temporalio import workflow


@workflow.defn
class Applying:
    """Applies options until a signal stops it."""

    def __init__(self) -> None:
        self._applied: list[Any] = []
        self._stops = False

    @workflow.run
    async def run(self) -> list[Any]:
        await workflow.wait_condition(lambda: self._stops)
        return self._applied

    @workflow.signal
    def apply(self, options: dict[str, Any], dry: bool = False) -> None:
        self._applied.append([options, dry])

    @workflow.signal
    def stop(self) -> None:
        self._stops = True
