"""Runs that continue as new while handlers run, or because a handler says so. FROZEN, see the package."""

from datetime import timedelta

from temporalio import activity, workflow

from perdure.flow import note


@activity.defn
async def write_down(words: str) -> str:
    return f"written: {words}"


@workflow.defn
class Minuting:
    """Continues as new with the first words that it gets, or when it is asked for a new page."""

    def __init__(self) -> None:
        self._words: list[str] = []

    @workflow.run
    async def run(self, page: int) -> int:
        if page < 1:
            await workflow.wait_condition(lambda: bool(self._words))
            workflow.continue_as_new(page + 1)
        return page

    @workflow.signal
    async def minute(self, words: str) -> None:
        self._words.append(words)
        await workflow.sleep(60)
        await workflow.execute_activity(write_down, words, start_to_close_timeout=timedelta(minutes=1))

    @workflow.signal
    async def turn(self, page: int) -> None:
        await note("a new page")
        workflow.continue_as_new(page)
