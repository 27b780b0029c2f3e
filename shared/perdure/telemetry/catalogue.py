"""All metrics of Perdure's own, and those of JetStream under the names of the public exporter.

``docs/metrics.md`` is made from here; what a process exposes is made from here, too.
"""

from typing import Final

from perdure.telemetry.metric import Metric

__all__ = [
    "ALIVE_TASKS",
    "APPROVALS",
    "APPROVAL_PASSED",
    "APPROVAL_WAIT",
    "CHANNEL_FAILING",
    "CHECKPOINT_AGE",
    "CONSUMER_ACK_PENDING",
    "CONSUMER_PENDING",
    "CONSUMER_REDELIVERED",
    "COST",
    "CURRENT_VERSION",
    "DEAD_LETTERS",
    "HANDLING",
    "HANDOFF",
    "MESSAGES",
    "METRICS",
    "NOTIFICATIONS",
    "OPEN_APPROVALS",
    "OPEN_RUNS",
    "PENDING",
    "READY",
    "RECEIPTS",
    "RECEIPT_SECONDS",
    "REDELIVERIES",
    "RUNS_ENDED",
    "RUNS_STARTED",
    "SOURCES",
    "STEPS",
    "STREAM_BYTES",
    "STREAM_LIMIT",
    "STREAM_MESSAGES",
    "STREAM_REPLICAS_LOST",
    "STUCK_RUNS",
    "TOKENS",
    "UNDELIVERED",
    "VERDICTS",
]

_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0)

MESSAGES: Final = Metric(
    "perdure_messages_total",
    "counter",
    "Deliveries that were handled: `acked`, `retried` (it comes again) or `dead_lettered`.",
    ("stream", "outcome"),
)
HANDLING: Final = Metric(
    "perdure_handling_seconds", "histogram", "Time to handle one delivery.", ("stream",), buckets=_SECONDS
)
PENDING: Final = Metric(
    "perdure_pending_messages",
    "histogram",
    "Messages of the stream that were still pending when one was delivered.",
    ("stream",),
    buckets=(0, 1, 10, 100, 1_000, 10_000, 100_000),
)
HANDOFF: Final = Metric(
    "perdure_handoff_seconds",
    "histogram",
    "From the storage of a message until its service was done with it. In ingest, `EVENTS`: until the verdict and the "
    "commands are stored. In the orchestrator, `COMMANDS`: until the run is started, `DECISIONS`: until the run has "
    "it. In audit: until it is recorded. The clocks of NATS and of the host are compared.",
    ("stream",),
    buckets=_SECONDS,
)
REDELIVERIES: Final = Metric(
    "perdure_redeliveries_total", "counter", "Deliveries of messages that had been delivered before.", ("stream",)
)
READY: Final = Metric("perdure_ready", "gauge", "1 if `/readyz` is 200, else 0.")
ALIVE_TASKS: Final = Metric(
    "perdure_background_tasks", "gauge", "Background tasks that run, by what they do.", ("task",)
)
SOURCES: Final = Metric(
    "perdure_metric_source_up", "gauge", "0 if the metrics of a source could not be read this time.", ("source",)
)
VERDICTS: Final = Metric(
    "perdure_verdicts_total",
    "counter",
    "What routes made of events; see [verdicts](explain.md). Routes with `verdicts: false` are not counted.",
    ("verdict",),
    ("ingest",),
)
DEAD_LETTERS: Final = Metric(
    "perdure_dead_letters_total",
    "counter",
    "[Dead letters](dead-letters.md) by the service that gave up and the reason.",
    ("service", "reason"),
)
RUNS_STARTED: Final = Metric(
    "perdure_runs_started_total", "counter", "Runs whose first fact is published.", ("workflow",), ("orchestrator",)
)
RUNS_ENDED: Final = Metric(
    "perdure_runs_ended_total",
    "counter",
    "Runs that have ended: `completed`, `failed`, `cancelled`, `terminated` or `timed_out`.",
    ("workflow", "outcome"),
    ("orchestrator",),
)
STEPS: Final = Metric(
    "perdure_steps_total",
    "counter",
    "Attempts of steps: `completed`, `failed`; `retried` are those that began again.",
    ("workflow", "outcome"),
    ("orchestrator",),
)
TOKENS: Final = Metric(
    "perdure_tokens_total",
    "counter",
    "Tokens of completed model requests: `input` or `output`.",
    ("agent", "model", "direction"),
    ("orchestrator",),
    rare=True,
)
COST: Final = Metric(
    "perdure_cost_usd_total",
    "counter",
    "US dollars for completed model requests, by list prices; models without a known price are not counted.",
    ("agent", "model"),
    ("orchestrator",),
    rare=True,
)
APPROVALS: Final = Metric(
    "perdure_approvals_total",
    "counter",
    "What happened to approval requests: `requested`, `reminded`, `escalated`, `decided` or `expired`.",
    ("act",),
    ("orchestrator",),
)
RECEIPTS: Final = Metric(
    "perdure_receipts_total", "counter", "Receipts of decisions, by their code.", ("code",), ("orchestrator",)
)
RECEIPT_SECONDS: Final = Metric(
    "perdure_receipt_seconds",
    "histogram",
    "From the storage of a decision until its receipt is stored.",
    services=("orchestrator",),
    buckets=_SECONDS,
)
OPEN_RUNS: Final = Metric(
    "perdure_open_runs",
    "gauge",
    "Open runs by the build on which they run: the own one, and those that the current version sees.",
    ("build",),
    ("orchestrator",),
)
CURRENT_VERSION: Final = Metric(
    "perdure_version_current",
    "gauge",
    "1 if new runs start on this process's build, else 0.",
    ("build",),
    ("orchestrator",),
)
STUCK_RUNS: Final = Metric("perdure_stuck_runs", "gauge", "Runs that wait for mended code.", services=("orchestrator",))
OPEN_APPROVALS: Final = Metric(
    "perdure_open_approvals",
    "gauge",
    "Approval requests that are open; counted each half minute.",
    services=("notifier",),
)
APPROVAL_WAIT: Final = Metric(
    "perdure_oldest_approval_seconds",
    "gauge",
    "How long the oldest open approval request has waited; 0 if none is open.",
    services=("notifier",),
)
APPROVAL_PASSED: Final = Metric(
    "perdure_approval_deadline_ratio",
    "gauge",
    "Of the open approval requests, the largest share of its time that has passed: 1 is the deadline, 0 none open.",
    services=("notifier",),
)
UNDELIVERED: Final = Metric(
    "perdure_undelivered_notices", "gauge", "Notices that wait in a channel's outbox.", ("channel",), ("notifier",)
)
CHANNEL_FAILING: Final = Metric(
    "perdure_channel_failing_seconds",
    "gauge",
    "For how long a channel has refused what it was given; 0 if it took the last notice.",
    ("channel",),
    ("notifier",),
)
NOTIFICATIONS: Final = Metric(
    "perdure_notifications_total",
    "counter",
    "Notices by channel: `sent`, `failed` (given up) or `skipped`.",
    ("channel", "outcome"),
    ("notifier",),
)
CHECKPOINT_AGE: Final = Metric(
    "perdure_checkpoint_age_seconds",
    "gauge",
    "Since when not the whole ledger is signed: below 2 also if nothing is recorded.",
    services=("audit",),
)
CONSUMER_PENDING: Final = Metric(
    "jetstream_consumer_num_pending", "gauge", "Messages not delivered yet.", ("stream_name", "consumer_name")
)
CONSUMER_ACK_PENDING: Final = Metric(
    "jetstream_consumer_num_ack_pending",
    "gauge",
    "Messages delivered and not settled yet.",
    ("stream_name", "consumer_name"),
)
CONSUMER_REDELIVERED: Final = Metric(
    "jetstream_consumer_num_redelivered",
    "gauge",
    "Messages delivered more than once and not settled yet.",
    ("stream_name", "consumer_name"),
)
STREAM_MESSAGES: Final = Metric(
    "jetstream_stream_total_messages", "gauge", "Messages in a stream.", ("stream_name",), ("audit",)
)
STREAM_BYTES: Final = Metric(
    "jetstream_stream_total_bytes", "gauge", "Bytes in a stream.", ("stream_name",), ("audit",)
)
STREAM_LIMIT: Final = Metric(
    "perdure_stream_limit_bytes",
    "gauge",
    "The size at which a stream refuses, or which is configured as its largest.",
    ("stream_name",),
    ("audit",),
)
STREAM_REPLICAS_LOST: Final = Metric(
    "perdure_stream_replicas_lost",
    "gauge",
    "Replicas of a stream that are offline or behind; 0 on a single server.",
    ("stream_name",),
    ("audit",),
)

METRICS: Final = tuple(it for it in tuple(globals().values()) if isinstance(it, Metric))
