"""Metrics that the parts of a process expose under names of their own, as far as alerts and dashboards use them."""

from typing import Final

from perdure.telemetry.metric import Metric

__all__ = ["METRICS_OF_PARTS", "PREFIXES"]

_TASKS: Final = ("task_queue", "worker_type")

PREFIXES: Final = ("temporal_", "process_", "gen_ai_", "operation_cost")
"""Whatever else a process exposes begins so."""

METRICS_OF_PARTS: Final = (
    Metric("process_cpu_seconds_total", "counter", "CPU time of the process."),
    Metric("process_resident_memory_bytes", "gauge", "Memory of the process."),
    Metric("process_open_fds", "gauge", "Open files and sockets of the process."),
    Metric("process_start_time_seconds", "gauge", "When the process started, in Unix time."),
    Metric(
        "gen_ai_client_token_usage",
        "histogram",
        "Tokens of model requests, by OpenTelemetry's conventions.",
        ("gen_ai_provider_name", "gen_ai_request_model", "gen_ai_token_type"),
        ("orchestrator",),
    ),
    Metric(
        "gen_ai_client_operation_duration_seconds",
        "histogram",
        "Duration of model requests, by OpenTelemetry's conventions; failed ones have `error_type`.",
        ("gen_ai_provider_name", "gen_ai_request_model"),
        ("orchestrator",),
    ),
    Metric(
        "temporal_worker_task_slots_available",
        "gauge",
        "Tasks that the worker would take beside those that run: at 0 it is full.",
        _TASKS,
        ("orchestrator",),
    ),
    Metric("temporal_worker_task_slots_used", "gauge", "Tasks that run.", _TASKS, ("orchestrator",)),
    Metric(
        "temporal_workflow_task_execution_failed_total",
        "counter",
        "Workflow tasks that failed; the reason `NonDeterminismError` is code that does not fit a history.",
        ("workflow_type", "failure_reason"),
        ("orchestrator",),
        rare=True,
    ),
    Metric(
        "temporal_request_failure_total",
        "counter",
        "Requests to Temporal that failed.",
        ("operation", "status_code"),
        ("orchestrator",),
        rare=True,
    ),
    Metric(
        "temporal_activity_schedule_to_start_latency_seconds",
        "histogram",
        "How long steps waited for a worker.",
        ("task_queue",),
        ("orchestrator",),
    ),
    Metric(
        "temporal_workflow_task_schedule_to_start_latency_seconds",
        "histogram",
        "How long runs waited for a worker.",
        ("task_queue",),
        ("orchestrator",),
    ),
)
