"""Cancels starts that flow control holds, when the operator asks for it."""

from perdure.bus import RawMessage
from perdure.bus.app import Responder
from perdure.contracts.held_starts import CANCEL_START, CancelStart
from perdure_ingest.flow_control import RouteQueues

__all__ = ["cancel_responder"]


def cancel_responder(queues: RouteQueues) -> Responder:
    """Return the responder to ``CancelStart`` requests."""

    async def respond(request: RawMessage) -> bytes:
        reply = await queues.cancel_held(CancelStart.model_validate_json(request.body).workflow_id)
        return reply.model_dump_json().encode()

    return Responder(CANCEL_START, respond)
