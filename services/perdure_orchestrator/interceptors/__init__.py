"""Progress without a word from the workflow's author: the run numbers its facts, the steps say theirs."""

from perdure_orchestrator.interceptors.progress import ProgressInterceptor

__all__ = ["ProgressInterceptor"]
