"""What the metrics of an orchestrator show beside what all services count."""

from temporalio.client import Client

from perdure.builds.version import Version
from perdure.bus.jetstream.bus import NatsBus
from perdure.runtime.endpoints import Health
from perdure_orchestrator.core_metrics import CoreMetrics
from perdure_orchestrator.decision_verifier import DecisionVerifier
from perdure_orchestrator.own_version import OwnVersion
from perdure_orchestrator.receipt_times import ReceiptTimes
from perdure_orchestrator.run_gauges import RunGauges

__all__ = ["show_own_metrics"]


def show_own_metrics(  # noqa: PLR0913 (its ports)
    health: Health,
    bus: NatsBus,
    client: Client,
    task_queue: str,
    *,
    core: CoreMetrics,
    verifier: DecisionVerifier,
    version: Version | None,
    own: OwnVersion,
) -> None:
    """Add the metrics of Temporal's SDK, of versions, of runs that wait, and of receipts to what ``/metrics`` shows."""
    gauges, receipts = RunGauges(client, bus, task_queue, version, own), ReceiptTimes(health.registry)
    health.sources |= {"temporal_sdk": core.read, "versions": gauges.versions, "stuck": gauges.stuck}
    verifier.on_received = receipts.received
    bus.observers.append(receipts.count)
