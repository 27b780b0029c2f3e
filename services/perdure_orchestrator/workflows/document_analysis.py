"""Reads a document, analyses it, requests an editor's approval and writes the report."""

import asyncio
from datetime import timedelta
from typing import Final

from temporalio import workflow

from perdure.contracts import DocumentReport, DocumentSubmitted
from perdure.flow import Agent, Approved, Expired, Rejected, approval

__all__ = ["DocumentAnalysis"]

_TIMEOUT: Final = timedelta(days=3)


@workflow.defn
class DocumentAnalysis:
    """Started by ``documents.submitted``; writes the report beside the document, as ``<name>.report.md``.

    A document is Markdown, other text, or a PDF, whose text Perdure's filesystem server extracts.
    """

    @workflow.run
    async def run(self, document: DocumentSubmitted) -> DocumentReport:
        """Analyse one document."""
        async with Agent("loader", server_names=["filesystem"]) as loader:
            text = await loader.tools.read_text_file(path=document.path)
        draft = await _draft(text)

        match await approval(f"Publish the report on {document.path}?", details=draft, timeout=_TIMEOUT):
            case Approved(by=editor, comment=comment):
                path = _report_path(document.path)
                async with Agent("publisher", server_names=["filesystem"]) as publisher:
                    await publisher.tools.write_file(path=path, content=draft)
                return DocumentReport(path=path, approved=True, decided_by=editor, comment=comment)
            case Rejected(by=editor, comment=comment):
                return DocumentReport(path=None, approved=False, decided_by=editor, comment=comment)
            case Expired():
                return DocumentReport(path=None, approved=False)


async def _draft(text: str) -> str:
    async with (
        Agent("analyst", instruction="You are a careful analyst.") as analyst,
        Agent("sentiment", instruction="You judge the sentiment of a text.") as sentiment,
        Agent("entities", instruction="You find the entities that a text names.") as entities,
        Agent("summary", instruction="You summarise texts.") as summary,
        Agent("reporter", instruction="You write reports.") as reporter,
    ):
        analysis = await analyst.llm.generate_str(f"Analyse this document:\n\n{text}")
        mood, names, gist = await asyncio.gather(
            sentiment.llm.generate_str(f"Judge the sentiment:\n\n{text}"),
            entities.llm.generate_str(f"Find the entities:\n\n{text}"),
            summary.llm.generate_str(f"Write a summary:\n\n{text}"),
        )
        parts = {"Summary": gist, "Analysis": analysis, "Sentiment": mood, "Entities": names}
        return await reporter.llm.generate_str("Draft a report from these parts:\n\n" + _sections(parts))


def _sections(parts: dict[str, str]) -> str:
    return "\n\n".join(f"## {title}\n\n{body}" for title, body in parts.items())


def _report_path(document: str) -> str:
    return document.removesuffix(".md") + ".report.md"
