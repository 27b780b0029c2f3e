import pytest
from temporalio.client import WorkflowFailureError
from temporalio.testing import WorkflowEnvironment

from perdure.contracts import BatchReport
from perdure_orchestrator.workflows import DocumentAnalysis, DocumentBatch
from tests.support.scripted_worker import open_scripted_worker

pytestmark = pytest.mark.asyncio(loop_scope="session")

LISTED = "[FILE] a.md\n[DIR] old\n[FILE] a.report.md\n[FILE] photo.png\n[FILE] b.PDF"


async def test_each_document_of_a_folder_has_its_own_run(environment: WorkflowEnvironment) -> None:
    async with open_scripted_worker(environment, DocumentBatch, DocumentAnalysis) as worker:
        worker.agents.tool_texts["list_directory"] = LISTED
        run = await worker.start("DocumentBatch", {"path": "inbox/"}, run_id="batch")
        result = BatchReport.model_validate(await run.result())

    assert set(result.reports) == {"inbox/a.md", "inbox/b.PDF"}
    assert result.failed == {}
    assert {fact.workflow_id for fact in worker.progress} == {"batch", "batch.a.md", "batch.b.PDF"}
    assert {fact.event_id for fact in worker.progress} == {"e1"}


async def test_a_folder_of_too_many_documents_fails_before_any_is_read_and_says_what_to_do(
    environment: WorkflowEnvironment,
) -> None:
    async with open_scripted_worker(environment, DocumentBatch, DocumentAnalysis) as worker:
        worker.agents.tool_texts["list_directory"] = "\n".join(f"[FILE] {number}.md" for number in range(501))
        run = await worker.start("DocumentBatch", {"path": "inbox/"})
        with pytest.raises(WorkflowFailureError) as failed:
            await run.result()

    assert str(failed.value.cause) == (
        "TooManyDocuments: inbox/ has 501 documents, and a run analyses at most 500: publish an event for each "
        "document, or one for each of several smaller folders."
    )
    assert {fact.workflow_id for fact in worker.progress} == {run.id}
