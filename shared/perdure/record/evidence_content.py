"""What the messages in a file of evidence are: the request, its decisions and receipts, its outcome, the keys."""

import json
from dataclasses import dataclass, field
from hashlib import sha256

from pydantic import JsonValue, ValidationError

from perdure.approvers import Directory
from perdure.bus import RawMessage, decode
from perdure.config.yaml_file import NotYaml, read_yaml
from perdure.contracts import (
    ApprovalDecided,
    ApprovalEscalated,
    ApprovalExpired,
    ApprovalRequested,
    ApproversFileRead,
    Decision,
    Message,
    Receipt,
    from_token,
    request_digest,
)
from perdure.errors import InvalidMessage
from perdure.record.evidence import EvidenceMessage

__all__ = ["CastDecision", "EvidenceContent"]


@dataclass(frozen=True, slots=True)
class CastDecision:
    """A decision, as its approver signed it.

    Attributes:
        message: The message of DECISIONS.
        decision: What it says.
        body: What was signed.
    """

    message: EvidenceMessage
    decision: Decision
    body: dict[str, JsonValue]


@dataclass(slots=True)
class EvidenceContent:
    """The messages of a file by what they are; they come in the order of their streams.

    Attributes:
        request_id: The request that the file is about.
        request: It.
        outcome: What was published as its outcome; None while it is open.
        escalations: Its escalations.
        receipts: The receipts of the decisions on it.
        decisions: The decisions.
        files: The contents of the approvers file, by digest.
    """

    request_id: str
    request: ApprovalRequested | None = None
    outcome: ApprovalDecided | ApprovalExpired | None = None
    escalations: list[tuple[EvidenceMessage, ApprovalEscalated]] = field(default_factory=list)
    receipts: list[Receipt] = field(default_factory=list)
    decisions: list[CastDecision] = field(default_factory=list)
    files: dict[str, Directory] = field(default_factory=dict)

    def take(self, message: EvidenceMessage) -> list[str]:
        """Take a message; return what is wrong with it."""
        try:
            if message.stream == "DECISIONS":
                self.decisions.append(_decision(message))
                return []
            return self._take(message, decode(RawMessage(message.subject, message.body, message.headers)))
        except (InvalidMessage, ValidationError, ValueError, NotYaml) as error:
            return [f"{message.place} cannot be read: {error}"]

    def _take(self, message: EvidenceMessage, content: Message) -> list[str]:
        match content:
            case ApproversFileRead():
                return self._take_file(message, content)
            case Receipt() if content.request_id == self.request_id:
                self.receipts.append(content)
            case ApprovalRequested() if content.request_id == self.request_id and self.request is None:
                self.request = content
                if request_digest(content) != content.digest:
                    return [f"{message.place}: the request's digest is not that of what it shows."]
            case ApprovalDecided() | ApprovalExpired() if self._is_of(content) and self.outcome is None:
                self.outcome = content
            case ApprovalEscalated() if self._is_of(content):
                self.escalations.append((message, content))
            case _:
                return [f"{message.place} is not about the request {self.request_id}, or says it again."]
        return []

    def _take_file(self, message: EvidenceMessage, content: ApproversFileRead) -> list[str]:
        text = content.content or ""
        if sha256(text.encode()).hexdigest() != content.digest:
            return [f"{message.place}: the approvers file is not the one that its digest names."]
        self.files[content.digest] = Directory.model_validate(read_yaml(text) or {})
        return []

    def _is_of(self, content: ApprovalDecided | ApprovalExpired | ApprovalEscalated) -> bool:
        """Return whether a message is about the request; those of another run of this workflow id are not."""
        request = self.request  # its sequence is lower: it was taken before
        return request is not None and (content.request_id, content.run_id) == (request.request_id, request.run_id)


def _decision(message: EvidenceMessage) -> CastDecision:
    """Return a decision and the body that was signed; its run is that of its subject."""
    prefix, _, token = message.subject.partition(".")
    body = json.loads(message.body)
    if prefix != "decisions" or not isinstance(body, dict):
        raise ValueError("it is no decision")
    decision = Decision.model_validate({**body, "workflow_id": body.get("workflow_id") or from_token(token)})
    if decision.workflow_id != from_token(token):
        raise ValueError("it names another run than its subject")
    return CastDecision(message, decision, body)
