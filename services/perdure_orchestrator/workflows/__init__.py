"""The built-in workflows; a user's own modules are registered beside them."""

from perdure_orchestrator.workflows.document_analysis import DocumentAnalysis
from perdure_orchestrator.workflows.document_batch import DocumentBatch

__all__ = ["DocumentAnalysis", "DocumentBatch"]
