"""Approvers: their keys and signatures, the approvers file, and who may vote on a request."""

from perdure.approvers.directory import Approver, Away, Directory, Identity, NotVerified, Proxy, PublicKey
from perdure.approvers.eligibility import escalated, may_vote
from perdure.approvers.file import ApproversFile, ApproversVersion
from perdure.approvers.keys import SigningKey, key_id_of
from perdure.approvers.policy_check import policy_problems
from perdure.approvers.signature import canonical, sign, verifies

__all__ = [
    "Approver",
    "ApproversFile",
    "ApproversVersion",
    "Away",
    "Directory",
    "Identity",
    "NotVerified",
    "Proxy",
    "PublicKey",
    "SigningKey",
    "canonical",
    "escalated",
    "key_id_of",
    "may_vote",
    "policy_problems",
    "sign",
    "verifies",
]
