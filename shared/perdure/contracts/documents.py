"""What the built-in document analysis takes and gives: it lives here because publishers need it too."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

__all__ = ["BatchReport", "DocumentReport", "DocumentSubmitted"]


class DocumentSubmitted(BaseModel):
    """The data of a ``documents.submitted`` event.

    Attributes:
        path: The document, or a folder of documents, relative to the folder that the filesystem MCP server serves.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    path: Annotated[str, StringConstraints(min_length=1)]


class DocumentReport(BaseModel):
    """The result of a document analysis.

    Attributes:
        path: Where the report lies, in the same folder; absent unless it was approved.
        approved: Whether an editor said yes.
        decided_by: Who answered, absent when nobody did.
        comment: What they said.
    """

    model_config = ConfigDict(frozen=True)

    path: str | None
    approved: bool
    decided_by: str | None = None
    comment: str = ""


class BatchReport(BaseModel):
    """The result of the analysis of a folder.

    Attributes:
        reports: What came of each document, by its path.
        failed: Why a document has no report, by its path.
    """

    model_config = ConfigDict(frozen=True)

    reports: dict[str, DocumentReport]
    failed: dict[str, str]
