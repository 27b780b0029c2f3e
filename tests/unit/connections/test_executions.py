"""Executions are listed, described and queried in one place, which knows more statuses than temporalio 1.35."""

import re
from pathlib import Path
from typing import Any

from temporalio.api.workflow.v1 import WorkflowExecutionInfo
from temporalio.client import WorkflowExecutionStatus
from temporalio.converter import DataConverter

from perdure.connections.executions import ExecutionInfo


def test_a_status_that_this_code_does_not_know_is_its_number() -> None:
    statuses: tuple[Any, ...] = (8, 99)
    known, newer = (ExecutionInfo(WorkflowExecutionInfo(status=it), DataConverter()) for it in statuses)

    assert (known.status, newer.status) == ("PAUSED", "99")


def test_temporalio_still_knows_no_paused_execution() -> None:
    assert 8 not in [*WorkflowExecutionStatus]  # else its own calls do


def test_no_other_module_uses_the_calls_of_temporalio_that_fail_at_a_paused_run() -> None:
    root = Path(__file__).parents[3]
    sources = [file for folder in ("shared", "services", "bench") for file in (root / folder).rglob("*.py")]

    unsafe = re.compile(r"\.list_workflows\(|handle(?:\(.*\))?\.(?:describe|query)\(|= 'Running'(?!``)")
    users = [file.name for file in sources if unsafe.search(file.read_text(encoding="utf-8"))]

    assert sorted(users) == []
