"""Where clicks may come from and where their results may go: one workspace, and Slack's own host.

The signature shows only that Slack sent a click, and an app can be installed in several workspaces.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException

__all__ = ["SlackOrigin"]


@dataclass(frozen=True, slots=True)
class SlackOrigin:
    """One workspace of Slack.

    Attributes:
        team_id: The id of the workspace.
        hooks_url: The URL below which Slack takes results of clicks.
    """

    team_id: str
    hooks_url: str

    def check_team(self, payload: Mapping[str, Any]) -> None:
        """Refuse an interaction in another workspace, or by a guest from one in a shared channel.

        Raises:
            HTTPException: It comes from there (403).
            KeyError: It does not say where it comes from.
        """
        teams = {payload["team"]["id"], payload["user"].get("team_id", self.team_id)}
        if teams != {self.team_id}:
            raise HTTPException(403, f"The click comes from another Slack workspace, and not from {self.team_id}.")

    def checked_url(self, url: str | None) -> str | None:
        """Return the URL to which the result of a click is posted, if there is one.

        Raises:
            HTTPException: It is not Slack's (403).
        """
        if url is None:
            return None
        given, own = urlsplit(url), urlsplit(self.hooks_url)
        if (given.scheme, given.netloc) != (own.scheme, own.netloc) or not given.path.startswith(own.path):
            raise HTTPException(403, f"The response_url of the click is not below {self.hooks_url}.")
        return url
