"""``perdure approve``, ``reject`` and ``withdraw``: show a request, ask, and publish a signed decision."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.markup import escape

from perdure.cli.approvals.options import Approver, Key, RequestId
from perdure.cli.client import Json, open_bus, run_command
from perdure.cli.exit_codes import NO
from perdure.cli.output import console, plain, print_json
from perdure.errors import Pending, SetupError, WrongArgument
from perdure.values.printable import one_line
from perdure.values.short_code import request_word

if TYPE_CHECKING:
    from perdure.approvers import SigningKey
    from perdure.bus import Bus
    from perdure.client.deciding import Choice
    from perdure.contracts import ApprovalRequested, Receipt

__all__ = ["decide_request", "register", "signer"]

_RECEIPT_WITHIN: Final = 30.0  # seconds
_EXIT_CODES: Final = (
    "Exit codes: 0 the decision counts, 1 it does not (see the reason), 3 it is stored, not judged yet: do not repeat."
)

Digest = Annotated[
    str | None, typer.Option(help="The start of the digest that you saw; then nothing is asked.", show_default=False)
]


def register(app: typer.Typer) -> None:
    """Add the commands."""

    @app.command(epilog=_EXIT_CODES)
    def approve(  # noqa: PLR0913 (each is a flag)
        request_id: RequestId,
        approver: Approver = None,
        key: Key = None,
        comment: Annotated[str, typer.Option(help="A comment.", callback=_short_enough)] = "",
        digest: Digest = None,
        *,
        as_json: Json = False,
    ) -> None:
        """Show a request, ask, approve it, wait for the receipt."""
        _decide(request_id, "approve", comment, signed_by=signer(approver, key), digest=digest, as_json=as_json)

    @app.command(epilog=_EXIT_CODES)
    def reject(  # noqa: PLR0913 (each is a flag)
        request_id: RequestId,
        reason: Annotated[str, typer.Option(help="The reason.", callback=_short_enough)],
        approver: Approver = None,
        key: Key = None,
        digest: Digest = None,
        *,
        as_json: Json = False,
    ) -> None:
        """Show a request, ask, reject it, wait for the receipt."""
        _decide(request_id, "reject", reason, signed_by=signer(approver, key), digest=digest, as_json=as_json)

    @app.command(epilog=_EXIT_CODES)
    def withdraw(
        request_id: RequestId,
        approver: Approver = None,
        key: Key = None,
        digest: Digest = None,
        *,
        as_json: Json = False,
    ) -> None:
        """Show a request, ask, withdraw a vote, and wait for the receipt."""
        _decide(request_id, "withdraw", "", signed_by=signer(approver, key), digest=digest, as_json=as_json)


async def decide_request(  # noqa: PLR0913 (the parts of a decision)
    bus: Bus, request: ApprovalRequested, choice: Choice, comment: str = "", *, approver: str, key: SigningKey
) -> Receipt:
    """Publish a decision on a request, and return its receipt.

    Raises:
        Pending: No receipt came in time; the decision is stored and will be judged.
        Unavailable: NATS does not confirm that it is stored.
    """
    from perdure.client.deciding import publish_decision

    try:
        return await publish_decision(
            bus, request, choice, approver=approver, key=key, comment=comment, within=_RECEIPT_WITHIN
        )
    except Pending as error:
        raise Pending(f"{error} {_why()}") from error


def _why() -> str:
    """Return why a decision may be waiting, as far as this folder shows it."""
    from perdure.approvers import ApproversFile
    from perdure.config.loader import load_settings

    try:
        ApproversFile(load_settings().approvers_file).current()
    except SetupError as error:
        return str(error)
    return "`perdure doctor` shows what is wrong."


def _short_enough(comment: str) -> str:
    from perdure.contracts import LONGEST_COMMENT

    if len(comment) > LONGEST_COMMENT:
        raise typer.BadParameter(f"at most {LONGEST_COMMENT:,} characters, not {len(comment):,}")
    return comment


def _decide(  # noqa: PLR0913 (what a decision says)
    request_id: str,
    choice: Choice,
    comment: str,
    *,
    signed_by: tuple[str, SigningKey],
    digest: str | None,
    as_json: bool,
) -> None:
    """Decide the request that was seen, and no other.

    Raises:
        DigestMismatch: The request has another digest, or shows something else than its digest is about.
        SetupError: There is no digest, and nobody to ask.
    """
    from perdure.approvers import check_seen
    from perdure.cli.approvals.text import facts_of

    request = run_command(_find(request_id))
    if digest is not None:
        check_seen(request, digest)
    elif sys.stdin.isatty() and sys.stdout.isatty() and not as_json:
        for name, value in facts_of(request):
            console.print(f"[dim]{name:<10}[/]", plain(value), soft_wrap=True)
        typer.confirm(f"{choice.capitalize()} it as {signed_by[0]}?", abort=True)
    else:
        raise SetupError(
            f"Nobody is here to be asked. Look at the request with `perdure approvals show "
            f"{request_word(request.request_id)}`, and name the digest that you see: --digest, 12 digits or more."
        )
    _conclude(run_command(_publish(request, choice, comment, *signed_by)), as_json=as_json)


async def _find(request_id: str) -> ApprovalRequested:
    from perdure.approvers import check_digest
    from perdure.bus.views.requests import find_open_request

    async with open_bus() as bus:
        request = await find_open_request(bus, request_id)
    check_digest(request)
    return request


async def _publish(request: ApprovalRequested, choice: Choice, comment: str, approver: str, key: SigningKey) -> Receipt:
    async with open_bus() as bus:
        return await decide_request(bus, request, choice, comment, approver=approver, key=key)


def signer(approver: str | None, key: Path | None) -> tuple[str, SigningKey]:
    """Return the approver and their key.

    Raises:
        SetupError: There is no such key, or there are several.
        WrongArgument: The file that is named is none.
    """
    from perdure.approvers import SigningKey
    from perdure.approvers.enrolment import find_key
    from perdure.config.loader import load_settings

    if key is None:
        return find_key(load_settings().keys_folder, approver)
    if not key.is_file():
        raise WrongArgument(f"There is no key {key}: --key names a file, such as .perdure/keys/ada.pem.")
    return approver or key.stem, SigningKey.read(key)


def _conclude(receipt: Receipt, *, as_json: bool) -> None:
    if as_json:
        print_json([receipt])
    else:
        console.print(
            "[green]Accepted[/]" if receipt.accepted else "[red]Refused[/]",
            escape(one_line(receipt.reason)),
            sep=": ",
        )
    if not receipt.accepted:
        raise typer.Exit(NO)
