"""What the pages work with."""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.requests import Request

from perdure.approvers import ApproversFile
from perdure.bus import NatsBus
from perdure.config.routes import Route
from perdure.local.secret_files import SecretFiles
from perdure_console.feed import BusFeed
from perdure_console.identity import Identities
from perdure_console.live import Live

__all__ = ["Desk", "desk_of"]


@dataclass(frozen=True, slots=True)
class Desk:
    """The ports of the pages.

    Attributes:
        bus: The bus, as the role ``console``.
        approvers: The approvers file, which the console only reads.
        routes: The routes of the configuration, for the form that publishes.
        feed: What has happened on the bus, for all open pages.
        live: Pushes what changes.
        identities: Knows who asks.
        links: The links by which the user of this machine enters.
    """

    bus: NatsBus
    approvers: ApproversFile
    routes: Sequence[Route]
    feed: BusFeed
    live: Live
    identities: Identities
    links: SecretFiles


def desk_of(request: Request) -> Desk:
    """Return what the application of a request works with."""
    desk: Desk = request.app.state.desk
    return desk
