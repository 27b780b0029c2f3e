"""Publishes the progress of runs and steps without a line of the workflow's author."""

from perdure_orchestrator.interceptors.progress import ProgressInterceptor
from perdure_orchestrator.interceptors.workflow_inbound import FAILURE_TYPES

__all__ = ["FAILURE_TYPES", "ProgressInterceptor"]
