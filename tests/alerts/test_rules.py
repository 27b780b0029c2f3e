"""Each alert rule, by `promtool test rules`: series of its cause make it fire, series of a healthy suite do not."""

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from perdure.telemetry.alert_rule import AlertRule
from perdure.telemetry.alert_rules import ALERT_RULES
from perdure.telemetry.alerts_page import alerts_page, rules_file
from perdure.telemetry.catalogue import METRICS
from perdure.telemetry.metrics_of_parts import METRICS_OF_PARTS
from tests.support.documents import ROOT
from tests.support.prometheus import program

FILE: Final = ROOT / "deploy" / "prometheus" / "alerts.yml"
RISING: Final = "0+100x200"
STILL: Final = "0x200"

FAILED_TASKS: Final = "temporal_workflow_task_execution_failed_total"
SLOTS: Final = 'temporal_worker_task_slots_available{instance="a",task_queue="perdure",worker_type="ActivityWorker"}'

Series = Mapping[str, str]

CAUSES: Final[dict[str, tuple[Series, Series]]] = {
    "PerdureServiceDown": ({'up{job="audit"}': "0x200"}, {'up{job="audit"}': "1x200", 'up{job="node"}': "0x200"}),
    "PerdureServiceNotReady": ({'perdure_ready{job="audit"}': "0x200"}, {'perdure_ready{job="audit"}': "1x200"}),
    "PerdureMetricsIncomplete": (
        {'perdure_metric_source_up{job="audit",source="streams"}': "0x200"},
        {'perdure_metric_source_up{job="audit",source="streams"}': "1x200"},
    ),
    "PerdureHandoffSlow": (
        {
            'perdure_handoff_seconds_bucket{job="ingest",stream="EVENTS",le="10"}': "0x200",
            'perdure_handoff_seconds_bucket{job="ingest",stream="EVENTS",le="30"}': "0+10x200",
            'perdure_handoff_seconds_bucket{job="ingest",stream="EVENTS",le="+Inf"}': "0+10x200",
        },
        {
            'perdure_handoff_seconds_bucket{job="ingest",stream="EVENTS",le="0.1"}': "0+10x200",
            'perdure_handoff_seconds_bucket{job="ingest",stream="EVENTS",le="+Inf"}': "0+10x200",
        },
    ),
    "PerdureHandoffStopped": (
        {
            'jetstream_consumer_num_pending{consumer_name="ingest",stream_name="EVENTS"}': "7x200",
            'perdure_messages_total{job="ingest",stream="EVENTS",outcome="acked"}': "5x200",
            'perdure_messages_total{job="audit",stream="EVENTS",outcome="acked"}': "0+9x200",
        },
        {
            'jetstream_consumer_num_pending{consumer_name="ingest",stream_name="EVENTS"}': "7x200",
            'perdure_messages_total{job="ingest",stream="EVENTS",outcome="acked"}': "0+5x200",
        },
    ),
    "PerdureConsumerRedelivers": (
        {'perdure_redeliveries_total{job="ingest",stream="EVENTS"}': RISING},
        {'perdure_redeliveries_total{job="ingest",stream="EVENTS"}': STILL},
    ),
    "PerdureDeadLetters": (
        {'perdure_dead_letters_total{service="ingest",reason="no_route"}': RISING},
        {'perdure_dead_letters_total{service="ingest",reason="no_route"}': "0+0.5x200"},
    ),
    "PerdureRunsFail": (
        {
            'perdure_runs_ended_total{workflow="Order",outcome="failed"}': "0+2x200",
            'perdure_runs_ended_total{workflow="Order",outcome="completed"}': "0+1x200",
        },
        {
            'perdure_runs_ended_total{workflow="Order",outcome="failed"}': "0+2x200",
            'perdure_runs_ended_total{workflow="Order",outcome="completed"}': "0+3x200",
        },
    ),
    "PerdureStepsRetried": (
        {'perdure_steps_total{workflow="Order",outcome="retried"}': RISING},
        {'perdure_steps_total{workflow="Order",outcome="completed"}': RISING},
    ),
    "PerdureRunStuck": ({"perdure_stuck_runs": "2x200"}, {"perdure_stuck_runs": STILL}),
    "PerdureNondeterminism": (
        {f'{FAILED_TASKS}{{workflow_type="Order",failure_reason="NonDeterminismError"}}': "_x20 1x2"},
        {f'{FAILED_TASKS}{{workflow_type="Order",failure_reason="WorkflowError"}}': RISING},
    ),
    "PerdureWorkerGone": ({}, {'temporal_num_pollers{poller_type="workflow_task"}': "1x200"}),
    "PerdureSlotsFull": (
        {SLOTS: STILL},
        {SLOTS: "9x200"},
    ),
    "PerdureVersionNotDrained": (
        {
            'perdure_open_runs{build="old"}': "3x2000",
            'perdure_version_current{build="old"}': "0x2000",
            'perdure_version_current{build="new"}': "1x2000",
        },
        {'perdure_open_runs{build="new"}': "3x2000", 'perdure_version_current{build="new"}': "1x2000"},
    ),
    "PerdureReceiptSlow": (
        {
            'perdure_receipt_seconds_bucket{le="10"}': "0x200",
            'perdure_receipt_seconds_bucket{le="30"}': "0+10x200",
            'perdure_receipt_seconds_bucket{le="+Inf"}': "0+10x200",
        },
        {
            'perdure_receipt_seconds_bucket{le="1"}': "0+10x200",
            'perdure_receipt_seconds_bucket{le="+Inf"}': "0+10x200",
        },
    ),
    "PerdureApprovalNearDeadline": (
        {"perdure_approval_deadline_ratio": "0.9x200"},
        {"perdure_approval_deadline_ratio": "0.5x200"},
    ),
    "PerdureChannelDown": (
        {
            'perdure_undelivered_notices{channel="slack"}': "2x200",
            'perdure_channel_failing_seconds{channel="slack"}': "9x200",
        },
        {
            'perdure_undelivered_notices{channel="mail"}': "2x200",  # its hours are quiet
            'perdure_undelivered_notices{channel="slack"}': STILL,
            'perdure_channel_failing_seconds{channel="slack"}': "9x200",
        },
    ),
    "PerdureAuditBehind": (
        {'jetstream_consumer_num_pending{consumer_name="audit",stream_name="EVENTS"}': "6000x200"},
        {'jetstream_consumer_num_pending{consumer_name="ingest",stream_name="EVENTS"}': "6000x200"},
    ),
    "PerdureCheckpointStale": (
        {"perdure_checkpoint_age_seconds": "0+15x200"},
        {"perdure_checkpoint_age_seconds": "1x200"},
    ),
    "PerdureStreamNearlyFull": (
        {
            'jetstream_stream_total_bytes{stream_name="EVENTS"}': "90x200",
            'perdure_stream_limit_bytes{stream_name="EVENTS"}': "100x200",
        },
        {
            'jetstream_stream_total_bytes{stream_name="EVENTS"}': "60x200",
            'perdure_stream_limit_bytes{stream_name="EVENTS"}': "100x200",
        },
    ),
    "PerdureReplicaLost": (
        {'perdure_stream_replicas_lost{stream_name="EVENTS"}': "1x200"},
        {'perdure_stream_replicas_lost{stream_name="EVENTS"}': STILL},
    ),
    "PerdureSpendBurn": (
        {'perdure_cost_usd_total{agent="writer",model="large"}': "0+3x200"},
        {'perdure_cost_usd_total{agent="writer",model="large"}': "0+0.5x200"},
    ),
    "PerdureWatchdog": ({}, {}),
}


def test_every_rule_has_a_cause_and_the_files_are_up_to_date() -> None:
    assert [rule.name for rule in ALERT_RULES] == list(CAUSES)
    assert FILE.read_text() == rules_file(), "the rules have changed: run `make reference`"
    assert (ROOT / "docs" / "alerts.md").read_text() == alerts_page(), "the rules have changed: run `make reference`"


def test_rules_read_only_metrics_that_the_page_of_metrics_lists() -> None:
    known = {sample for metric in (*METRICS, *METRICS_OF_PARTS) for sample in metric.samples}
    read = {name for rule in ALERT_RULES for name in re.findall(r"\b(?:perdure|jetstream|temporal)_\w+", rule.expr)}

    assert read - known == {"temporal_num_pollers"} - known


@pytest.mark.parametrize("rule", ALERT_RULES, ids=lambda rule: rule.name)
def test_a_rule_fires_for_its_cause_and_not_in_a_healthy_suite(rule: AlertRule, tmp_path: Path) -> None:
    cause, calm = CAUSES[rule.name]
    at = max(int(rule.lasts.total_seconds()) // 60, 1) + 21
    is_firing = f'count(ALERTS{{alertname="{rule.name}",alertstate="firing"}}) > bool 0'
    is_silent = f'absent(ALERTS{{alertname="{rule.name}"}})'
    tests = [_test(cause, is_firing, at=at, labels="{}")]
    if calm:
        tests.append(_test(calm, is_silent, at=at, labels=f'{{alertname="{rule.name}"}}'))
    file = tmp_path / "test.yml"
    file.write_text(yaml.safe_dump({"rule_files": [str(FILE)], "evaluation_interval": "1m", "tests": tests}))

    done = subprocess.run(
        [program("promtool"), "test", "rules", str(file)], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr


def _test(given: Series, expr: str, *, at: int, labels: str) -> dict[str, Any]:
    """Return a test of promtool: an expression is 1 so many minutes after the series began."""
    return {
        "interval": "1m",
        "input_series": [{"series": series, "values": values} for series, values in given.items()],
        "promql_expr_test": [
            {"expr": expr, "eval_time": f"{at}m", "exp_samples": [{"labels": labels, "value": 1}]},
        ],
    }
