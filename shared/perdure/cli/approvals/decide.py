"""``perdure approve``, ``reject`` and ``withdraw``: publish a signed decision."""

from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.markup import escape

from perdure.approvers import ApproversFile, SigningKey
from perdure.approvers.enrolment import find_key
from perdure.bus import Bus
from perdure.bus.views.requests import find_open_request
from perdure.cli.approvals.options import RequestId
from perdure.cli.client import Json, open_bus, run_command
from perdure.cli.exit_codes import NO
from perdure.cli.output import console, print_json
from perdure.client.deciding import Choice, publish_decision
from perdure.config.loader import load_settings
from perdure.contracts import LONGEST_COMMENT, ApprovalRequested, Receipt
from perdure.errors import Pending, SetupError
from perdure.values.printable import one_line

__all__ = ["Approver", "Choice", "Key", "decide_request", "register", "signer"]

_RECEIPT_WITHIN: Final = 30.0  # seconds
_EXIT_CODES: Final = (
    "Exit codes: 0 the decision counts, 1 it does not (see the reason), 3 it is stored, not judged yet: do not repeat."
)

Approver = Annotated[str | None, typer.Option("--as", help="The approver, if there are keys of several people.")]
Key = Annotated[Path | None, typer.Option(help="The private key, if not NAME.pem in `approvals.keys`.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""

    @app.command(epilog=_EXIT_CODES)
    def approve(
        request_id: RequestId,
        approver: Approver = None,
        key: Key = None,
        comment: Annotated[str, typer.Option(help="A comment.", callback=_short_enough)] = "",
        *,
        as_json: Json = False,
    ) -> None:
        """Approve a request, and wait for the receipt."""
        _conclude(_decide(request_id, "approve", comment, approver=approver, key=key), as_json=as_json)

    @app.command(epilog=_EXIT_CODES)
    def reject(
        request_id: RequestId,
        reason: Annotated[str, typer.Option(help="The reason.", callback=_short_enough)],
        approver: Approver = None,
        key: Key = None,
        *,
        as_json: Json = False,
    ) -> None:
        """Reject a request, and wait for the receipt."""
        _conclude(_decide(request_id, "reject", reason, approver=approver, key=key), as_json=as_json)

    @app.command(epilog=_EXIT_CODES)
    def withdraw(request_id: RequestId, approver: Approver = None, key: Key = None, *, as_json: Json = False) -> None:
        """Withdraw a vote on an open request, and wait for the receipt."""
        _conclude(_decide(request_id, "withdraw", "", approver=approver, key=key), as_json=as_json)


async def decide_request(  # noqa: PLR0913 (the parts of a decision)
    bus: Bus, request: ApprovalRequested, choice: Choice, comment: str = "", *, approver: str, key: SigningKey
) -> Receipt:
    """Publish a decision on a request, and return its receipt.

    Raises:
        Pending: No receipt came in time; the decision is stored and will be judged.
        Unavailable: NATS does not confirm that it is stored.
    """
    try:
        return await publish_decision(
            bus, request, choice, approver=approver, key=key, comment=comment, within=_RECEIPT_WITHIN
        )
    except Pending as error:
        raise Pending(f"{error} {_why()}") from error


def _why() -> str:
    """Return why a decision may be waiting, as far as this folder shows it."""
    try:
        ApproversFile(load_settings().approvers_file).current()
    except SetupError as error:
        return str(error)
    return "`perdure doctor` shows what is wrong."


def _short_enough(comment: str) -> str:
    if len(comment) > LONGEST_COMMENT:
        raise typer.BadParameter(f"at most {LONGEST_COMMENT:,} characters, not {len(comment):,}")
    return comment


async def _decide(request_id: str, choice: Choice, comment: str, *, approver: str | None, key: Path | None) -> Receipt:
    who, signing = signer(approver, key)
    async with open_bus() as bus:
        request = await find_open_request(bus, request_id)
        return await decide_request(bus, request, choice, comment, approver=who, key=signing)


def signer(approver: str | None, key: Path | None) -> tuple[str, SigningKey]:
    """Return the approver and their key.

    Raises:
        SetupError: There is no such key, or there are several.
    """
    if key is None:
        return find_key(load_settings().keys_folder, approver)
    return approver or key.stem, SigningKey.read(key)


def _conclude(deciding: Coroutine[Any, Any, Receipt], *, as_json: bool) -> None:
    receipt = run_command(deciding)
    if as_json:
        print_json([receipt])
    else:
        console.print(
            "[green]Accepted[/]" if receipt.accepted else "[red]Refused[/]", escape(one_line(receipt.reason)), sep=": "
        )
    if not receipt.accepted:
        raise typer.Exit(NO)
