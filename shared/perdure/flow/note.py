"""What an author wants people to know meanwhile."""

from perdure.flow.run import Run

__all__ = ["note"]


async def note(text: str) -> None:
    """Say a free-form fact about this run as ``note`` progress."""
    run = Run.current()
    await run.say([run.fact("note", result=text)])
