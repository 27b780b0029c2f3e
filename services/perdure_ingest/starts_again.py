"""Takes the starts by which operators repeat runs, within the limits of their routes."""

from perdure.bus import RawMessage
from perdure.bus.app import Responder
from perdure.bus.views.start_ledger import StartLedger
from perdure.contracts.run_acts import START_AGAIN, StartAgainReply, StartAgainRequest
from perdure.errors import InvalidMessage
from perdure_ingest.admission import Admitted
from perdure_ingest.evaluation import Evaluation
from perdure_ingest.flow_control import RouteQueues
from perdure_ingest.route_verdicts import fit_detail

__all__ = ["start_again_responder"]


def start_again_responder(queues: RouteQueues, ledger: StartLedger) -> Responder:
    """Return the responder to ``StartAgainRequest`` requests."""

    async def take(request: RawMessage) -> bytes:
        return (await _take(StartAgainRequest.model_validate_json(request.body))).model_dump_json().encode()

    async def _take(request: StartAgainRequest) -> StartAgainReply:
        start = request.start
        admitted = Admitted(start, Evaluation(start.route, matched=True, key=start.key or ""))
        try:
            if await ledger.first_claim(start) is not None:
                return StartAgainReply(outcome="already", detail=f"{start.workflow_id} was started before.")
            queues.check(admitted)
            placement = await queues.submit_alone(admitted)
        except InvalidMessage as error:
            return StartAgainReply(outcome="refused", detail=fit_detail(error.detail))
        if placement.refusal is not None:
            return StartAgainReply(outcome="refused", detail=fit_detail(placement.refusal.detail))
        held = placement.limit or placement.place is not None
        by = f" ({placement.limit})" if placement.limit else ""
        return StartAgainReply(outcome="done", detail=f"Its route holds it until its turn{by}." if held else "")

    return Responder(START_AGAIN, take)
