"""An act on versions of the code, and what came of it: what the process of ``perdure.versions`` reads and prints."""

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

from pydantic import BaseModel

__all__ = ["CodeVersion", "State", "Verdict", "VersionAnswer", "VersionRequest", "former_build"]

Verdict = Literal["done", "refused", "not_found", "pending", "unreachable"]
State = Literal["current", "ramping", "draining", "drained", "inactive"]


class CodeVersion(BaseModel, frozen=True):
    """A version of the code.

    Attributes:
        build: Its build id.
        state: ``current``: new runs start on it. ``ramping``: a share of them does. ``draining``: none does any more,
            and runs are open. ``drained``: none are. ``inactive``: none has started on it by routing.
        open_runs: How many runs are open on it.
        created_at: When its first worker polled (UTC).
        current_since: When it became current (UTC), if it is.
        current_until: When it was current last (UTC), if it was.
    """

    build: str
    state: State
    open_runs: int
    created_at: datetime
    current_since: datetime | None = None
    current_until: datetime | None = None


def former_build(versions: Iterable[CodeVersion], current: str | None) -> str | None:
    """Return the build that was current before the current one, if there was any."""
    was = [it for it in versions if it.current_until is not None and it.build != current]
    return max(was, key=lambda it: it.current_until or it.created_at).build if was else None


class VersionRequest(BaseModel):
    """An act.

    Attributes:
        act: What to do.
        build: The version to promote or retire; of ``rollback``, the one to go back from, if it is still current.
        by: Who wants it.
        within: Seconds to wait for a worker of the version.
    """

    act: Literal["list", "promote", "rollback", "retire"]
    build: str | None = None
    by: str = ""
    within: float = 0


class VersionAnswer(BaseModel):
    """What came of it.

    Attributes:
        verdict: ``pending``: it can be done later.
        error: Why it was not done, a sentence.
        deployment: Name of the deployment.
        versions: Of ``list``: the newest first.
        unversioned: Of ``list``: how many open runs have no version yet.
        following: Of ``list``: how many open runs go to each version that becomes current, by their author's will.
        build: The version that was promoted or retired.
        before: Of a promotion: the version that was current.
        changed: Whether something was done now; False if it was so already.
        by: Who did it, as Temporal knows it.
        at: When (UTC).
        left: Of a promotion: how many runs are open on the version before.
    """

    verdict: Verdict = "done"
    error: str = ""
    deployment: str = ""
    versions: tuple[CodeVersion, ...] = ()
    unversioned: int = 0
    following: int = 0
    build: str | None = None
    before: str | None = None
    changed: bool = True
    by: str = ""
    at: datetime | None = None
    left: int = 0
