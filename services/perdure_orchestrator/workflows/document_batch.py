"""Analyses every document of a folder, each in a child run."""

import asyncio
from pathlib import PurePosixPath
from typing import Final

from temporalio import workflow
from temporalio.exceptions import ApplicationError, ChildWorkflowError, is_cancelled_exception

from perdure.contracts import BatchReport, DocumentReport, DocumentSubmitted
from perdure.flow import Agent
from perdure.flow.error_text import error_text
from perdure_orchestrator.workflows.document_analysis import DocumentAnalysis

__all__ = ["DocumentBatch"]

_READABLE: Final = frozenset({".md", ".txt", ".pdf"})
_FILE: Final = "[FILE] "
_MOST: Final = 500
"""Documents of a folder; each takes some ten events of the run's history, which Temporal limits to 51,200."""

_BOUNDED: Final = "perdure-batches-are-bounded"  # a patch id: histories hold it


@workflow.defn
class DocumentBatch:
    """Started by ``documents.submitted`` where its path is a folder.

    Each document's run is named ``<run>.<document>``, publishes its own progress and requests its own approval. A
    failure of one does not stop the others.
    """

    @workflow.run
    async def run(self, folder: DocumentSubmitted) -> BatchReport:
        """Analyse the documents directly in the folder, except reports.

        Raises:
            ApplicationError: There are more than 500 (``TooManyDocuments``).
        """
        async with Agent("librarian", server_names=["filesystem"]) as librarian:
            listed = await librarian.tools.list_directory(path=folder.path)
        documents = [str(PurePosixPath(folder.path) / name) for name in _documents(listed)]
        if len(documents) > _MOST and workflow.patched(_BOUNDED):
            message = (
                f"{folder.path} has {len(documents)} documents, and a run analyses at most {_MOST}: publish an event "
                "for each document, or one for each of several smaller folders."
            )
            raise ApplicationError(message, type="TooManyDocuments", non_retryable=True)
        outcomes = await asyncio.gather(*map(_analyse, documents))
        found = dict(zip(documents, outcomes, strict=True))
        return BatchReport(
            reports={path: outcome for path, outcome in found.items() if isinstance(outcome, DocumentReport)},
            failed={path: outcome for path, outcome in found.items() if isinstance(outcome, str)},
        )


async def _analyse(path: str) -> DocumentReport | str:
    name = f"{workflow.info().workflow_id}.{PurePosixPath(path).name}"
    try:
        return await workflow.execute_child_workflow(DocumentAnalysis.run, DocumentSubmitted(path=path), id=name)
    except ChildWorkflowError as error:
        if is_cancelled_exception(error):
            raise
        return error_text(error)


def _documents(listed: str) -> list[str]:
    files = [line.removeprefix(_FILE) for line in listed.splitlines() if line.startswith(_FILE)]
    return [file for file in files if PurePosixPath(file).suffix.lower() in _READABLE and ".report." not in file]
