"""Input and result of the built-in document workflows; here because publishers need them too."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

__all__ = ["BatchReport", "DocumentReport", "DocumentSubmitted"]


class DocumentSubmitted(BaseModel):
    """The data of a ``documents.submitted`` event.

    Attributes:
        path: A document or a folder of documents, relative to the folder that the filesystem MCP server serves.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    path: Annotated[str, StringConstraints(min_length=1)]


class DocumentReport(BaseModel):
    """The result of a document analysis.

    Attributes:
        path: The report file, in the document's folder; absent unless approved.
        approved: Whether the report was approved.
        decided_by: Who decided; absent if nobody did.
        comment: Their comments.
    """

    model_config = ConfigDict(frozen=True)

    path: str | None
    approved: bool
    decided_by: str | None = None
    comment: str = ""


class BatchReport(BaseModel):
    """The result of the analysis of a folder.

    Attributes:
        reports: The report of each document, by the document's path.
        failed: Why a document has no report, by the document's path.
    """

    model_config = ConfigDict(frozen=True)

    reports: dict[str, DocumentReport]
    failed: dict[str, str]
