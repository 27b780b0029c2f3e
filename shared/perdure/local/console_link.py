"""The link by which the user of this machine enters the console, once."""

from pathlib import Path

from perdure.local.approver import login_name
from perdure.local.secret_files import console_links

__all__ = ["new_console_link"]


def new_console_link(state: Path, address: str) -> str:
    """Return a new link for the login user.

    Args:
        state: The state folder.
        address: The console's base URL.
    """
    return f"{address}/enter?token={console_links(state).issue(login_name())}"
