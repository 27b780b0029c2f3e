"""The alert rules; ``make reference`` writes them to ``deploy/prometheus/alerts.yml`` and ``docs/alerts.md``.

Thresholds are for a suite of usual size: change a copy of the file where yours differs.
"""

from datetime import timedelta
from typing import Final

from perdure.telemetry.alert_rule import AlertRule

__all__ = ["ALERT_RULES", "SERVICE_JOBS"]

SERVICE_JOBS: Final = "ingest|orchestrator|notifier|audit"

_MINUTE: Final = timedelta(minutes=1)
_ACKED: Final = 'increase(perdure_messages_total{outcome="acked",job!="audit"}[2m])'
_NONDETERMINISM: Final = 'temporal_workflow_task_execution_failed_total{failure_reason="NonDeterminismError"}'
_FAILED_RUNS: Final = 'increase(perdure_runs_ended_total{outcome=~"failed|timed_out"}[15m])'

ALERT_RULES: Final = (
    AlertRule(
        "PerdureServiceDown",
        f'up{{job=~"{SERVICE_JOBS}"}} == 0',
        _MINUTE,
        "critical",
        "{{ $labels.job }} at {{ $labels.instance }} does not answer.",
        "`perdure doctor`; then the log of the service. What it does waits in NATS until it is back.",
    ),
    AlertRule(
        "PerdureServiceNotReady",
        "perdure_ready == 0",
        2 * _MINUTE,
        "critical",
        "{{ $labels.job }} at {{ $labels.instance }} runs and cannot work.",
        "Ask `/readyz` on its port what is missing, or run `perdure doctor`.",
    ),
    AlertRule(
        "PerdureMetricsIncomplete",
        "perdure_metric_source_up == 0",
        5 * _MINUTE,
        "warning",
        "{{ $labels.job }} cannot read the metrics of {{ $labels.source }}.",
        "The log of {{ $labels.job }} says why; alerts about {{ $labels.source }} are blind meanwhile.",
    ),
    AlertRule(
        "PerdureHandoffSlow",
        "histogram_quantile(0.95, sum by (job, stream, le) "
        '(rate(perdure_handoff_seconds_bucket{job!="audit"}[5m]))) > 10',
        5 * _MINUTE,
        "warning",
        "{{ $labels.job }} is done with messages of {{ $labels.stream }} only after {{ $value | humanizeDuration }}.",
        "`perdure doctor`; then more processes: `perdure up --replicas {{ $labels.job }}=3`.",
    ),
    AlertRule(
        "PerdureHandoffStopped",
        'max by (stream_name) (jetstream_consumer_num_pending{consumer_name!="audit"}) > 0 unless on (stream_name) '
        f'label_replace(sum by (stream) ({_ACKED}) > 0, "stream_name", "$1", "stream", "(.*)")',
        _MINUTE,
        "critical",
        "Messages wait in {{ $labels.stream_name }}, and none was handled for two minutes.",
        "`perdure doctor` says whether the suite is paused; `perdure explain EVENT` where one of them waits.",
    ),
    AlertRule(
        "PerdureConsumerRedelivers",
        "sum by (job, stream) (increase(perdure_redeliveries_total[10m])) > 20",
        5 * _MINUTE,
        "warning",
        "{{ $labels.job }} gets messages of {{ $labels.stream }} again and again.",
        "The log of {{ $labels.job }} has the error of each; `perdure explain EVENT` where one of them waits.",
    ),
    AlertRule(
        "PerdureDeadLetters",
        "sum by (service, reason) (increase(perdure_dead_letters_total[10m])) > 10",
        timedelta(),
        "warning",
        "{{ $labels.service }} gave up on {{ $value | humanize }} messages: {{ $labels.reason }}.",
        "`perdure dlq list`, then `perdure explain EVENT` for one of them; `perdure dlq resend` once it is mended.",
    ),
    AlertRule(
        "PerdureRunsFail",
        f"sum by (workflow) ({_FAILED_RUNS}) > 5 and sum by (workflow) ({_FAILED_RUNS}) "
        "/ sum by (workflow) (increase(perdure_runs_ended_total[15m])) > 0.5",
        _MINUTE,
        "warning",
        "More than half of the runs of {{ $labels.workflow }} fail.",
        "`perdure runs list --state failed`, then `perdure explain RUN` for one of them.",
    ),
    AlertRule(
        "PerdureStepsRetried",
        'sum by (workflow) (increase(perdure_steps_total{outcome="retried"}[10m])) > 50',
        5 * _MINUTE,
        "warning",
        "Steps of {{ $labels.workflow }} begin again and again.",
        "`perdure runs list --open`, then `perdure explain RUN`: the note of a step says which provider fails.",
    ),
    AlertRule(
        "PerdureRunStuck",
        "max(perdure_stuck_runs) > 0",
        _MINUTE,
        "critical",
        "{{ $value }} runs wait because their code has a bug.",
        "`perdure doctor` names them, `perdure explain RUN` the error; mend the code and `perdure deploy`.",
    ),
    AlertRule(
        "PerdureNondeterminism",
        f"sum by (workflow_type) (increase({_NONDETERMINISM}[10m]) > 0 or {_NONDETERMINISM} unless "
        f"{_NONDETERMINISM} offset 10m) > 0",
        timedelta(),
        "critical",
        "The code of {{ $labels.workflow_type }} does not fit the history of an open run.",
        "`perdure explain RUN` for a run that `perdure doctor` names; deploy the former code, then `perdure replay`.",
    ),
    AlertRule(
        "PerdureWorkerGone",
        'sum(temporal_num_pollers{poller_type="workflow_task"}) == 0 '
        'or absent(temporal_num_pollers{poller_type="workflow_task"})',
        2 * _MINUTE,
        "critical",
        "No worker takes tasks from Temporal: open runs stand.",
        "`perdure doctor` says whether the suite is paused; otherwise the log of the orchestrator.",
    ),
    AlertRule(
        "PerdureSlotsFull",
        "min by (instance, task_queue, worker_type) (temporal_worker_task_slots_available) == 0",
        5 * _MINUTE,
        "warning",
        "The worker at {{ $labels.instance }} takes no more tasks ({{ $labels.worker_type }}).",
        "Raise `orchestrator.max_concurrent_steps`, or run more processes; `perdure explain RUN` shows what stands.",
    ),
    AlertRule(
        "PerdureVersionNotDrained",
        "max by (build) (perdure_open_runs) > 0 unless on (build) perdure_version_current == 1",
        timedelta(days=1),
        "warning",
        "{{ $value }} runs are still open on the former version {{ $labels.build }}.",
        "`perdure versions list`, then `perdure explain RUN` for one of its runs.",
    ),
    AlertRule(
        "PerdureReceiptSlow",
        "histogram_quantile(0.95, sum by (le) (rate(perdure_receipt_seconds_bucket[10m]))) > 10",
        5 * _MINUTE,
        "warning",
        "People wait {{ $value | humanizeDuration }} until they know whether their decision counts.",
        "`perdure explain DECISION` for one of them; `perdure doctor`.",
    ),
    AlertRule(
        "PerdureApprovalNearDeadline",
        "max(perdure_approval_deadline_ratio) > 0.8",
        _MINUTE,
        "warning",
        "An approval request has used {{ $value | humanizePercentage }} of its time.",
        "`perdure approvals list` shows it, `perdure explain REQUEST` who was asked and who has voted.",
    ),
    AlertRule(
        "PerdureChannelDown",
        "max by (channel) (perdure_undelivered_notices) > 0 and on (channel) "
        "max by (channel) (perdure_channel_failing_seconds) > 0",
        5 * _MINUTE,
        "critical",
        "{{ $value }} notices wait for the channel {{ $labels.channel }}, which refuses them.",
        "`perdure explain REQUEST` and the log of notifier show its answer; once it takes them, notices go out again.",
    ),
    AlertRule(
        "PerdureAuditBehind",
        'sum(jetstream_consumer_num_pending{consumer_name="audit"}) > 5000',
        5 * _MINUTE,
        "warning",
        "The audit has {{ $value | humanize }} messages still to record.",
        "`perdure doctor` says whether its disk is full; the log of audit says what the database answers.",
    ),
    AlertRule(
        "PerdureCheckpointStale",
        "max(perdure_checkpoint_age_seconds) > 60",
        _MINUTE,
        "critical",
        "The record has grown for {{ $value | humanizeDuration }} without a signature.",
        "`perdure doctor` says whether the ledger refuses, and what to restore.",
    ),
    AlertRule(
        "PerdureStreamNearlyFull",
        "max by (stream_name) (jetstream_stream_total_bytes) "
        "/ max by (stream_name) (perdure_stream_limit_bytes) > 0.85",
        5 * _MINUTE,
        "critical",
        "{{ $labels.stream_name }} is {{ $value | humanizePercentage }} full.",
        "`perdure doctor` names who is behind; a larger `max_bytes` of it in `nats.streams` helps at once.",
    ),
    AlertRule(
        "PerdureReplicaLost",
        "max by (stream_name) (perdure_stream_replicas_lost) > 0",
        2 * _MINUTE,
        "critical",
        "{{ $labels.stream_name }} has {{ $value }} replicas less than configured: one more and it stands.",
        "`nats server report jetstream` shows which server is away; start it again.",
    ),
    AlertRule(
        "PerdureSpendBurn",
        "sum(increase(perdure_cost_usd_total[1h])) > 50",
        5 * _MINUTE,
        "warning",
        "Models cost {{ $value | humanize }} US dollars in the last hour.",
        "`perdure runs list --open`, then `perdure explain RUN`; `limits` in `perdure.yaml` bounds a run.",
    ),
    AlertRule(
        "PerdureWatchdog",
        "vector(1)",
        timedelta(),
        "none",
        "Alerts reach you: this one always fires.",
        "If it is missing, Prometheus or Alertmanager does not work.",
    ),
)
