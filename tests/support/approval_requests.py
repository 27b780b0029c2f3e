"""An approval request, as a run publishes it."""

from datetime import UTC, datetime, timedelta

from perdure.contracts import ApprovalRequested

NOW = datetime(2026, 11, 23, tzinfo=UTC)
DIGEST = "a" * 64
REQUEST = ApprovalRequested(
    workflow="W",
    workflow_id="w",
    run_id="r",
    request_id="w.1",
    title="Publish?",
    digest=DIGEST,
    opened_at=NOW,
    expires_at=NOW + timedelta(days=1),
)
