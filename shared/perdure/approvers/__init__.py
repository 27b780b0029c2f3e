"""Approvers: their keys and signatures, the approvers file, and who may vote on a request."""

from perdure.approvers.directory import Directory, Identity, NotVerified
from perdure.approvers.eligibility import escalated, may_vote
from perdure.approvers.entries import Approver, Away, Proxy, PublicKey
from perdure.approvers.file import ApproversFile, ApproversVersion, WrongApprovers
from perdure.approvers.keys import SigningKey, key_id_of
from perdure.approvers.policy_check import policy_problems, request_problems, unknown_workflow
from perdure.approvers.policy_floor import PolicyConflict, tightened
from perdure.approvers.request_check import DigestMismatch, check_digest, check_seen
from perdure.approvers.signature import canonical, sign, verifies
from perdure.approvers.silence_check import silence_problem, silence_problems

__all__ = [
    "Approver",
    "ApproversFile",
    "ApproversVersion",
    "Away",
    "DigestMismatch",
    "Directory",
    "Identity",
    "NotVerified",
    "PolicyConflict",
    "Proxy",
    "PublicKey",
    "SigningKey",
    "WrongApprovers",
    "canonical",
    "check_digest",
    "check_seen",
    "escalated",
    "key_id_of",
    "may_vote",
    "policy_problems",
    "request_problems",
    "sign",
    "silence_problem",
    "silence_problems",
    "tightened",
    "unknown_workflow",
    "verifies",
]
