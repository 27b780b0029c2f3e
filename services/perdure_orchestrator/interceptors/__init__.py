"""Progress without a word from the workflow's author: the run numbers its facts, the steps say theirs."""

from perdure_orchestrator.interceptors.progress import ProgressInterceptor
from perdure_orchestrator.interceptors.workflow import FAILURE_TYPES

__all__ = ["FAILURE_TYPES", "ProgressInterceptor"]
