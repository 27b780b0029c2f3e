"""Whether an act on a run is on record: what is asked for again with its id then does nothing."""

from perdure.bus import Bus, decode
from perdure.contracts import RunActed, to_token

__all__ = ["recorded_act"]


async def recorded_act(bus: Bus, id_: str, act: str, workflow_id: str) -> RunActed | None:
    """Return ADMIN's record of an act on a run; None if it has none.

    Args:
        bus: The bus.
        id_: Id of the act.
        act: What was done, as in ``RunActed``.
        workflow_id: The run.

    Raises:
        Unavailable: NATS does not answer.
    """
    subject = f"admin.run.{to_token(workflow_id)}"
    if await bus.last(subject) is None:  # as of nearly all runs: that is a cheaper question
        return None
    async for message in bus.read(subject):
        known = decode(message.raw)
        if isinstance(known, RunActed) and (known.id, known.act) == (id_, act):
            return known
    return None
