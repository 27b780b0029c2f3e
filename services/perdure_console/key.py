"""The person's key: it is made in the browser and stays there; its public half is offered to be accepted."""

from base64 import b64decode
from datetime import UTC, datetime
from typing import Final

from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from perdure.approvers.keys import key_id_of
from perdure.approvers.offered_key import check_offer
from perdure.bus import decode
from perdure.contracts import KeyOffered, to_token
from perdure.errors import WrongArgument
from perdure_console.desk import desk_of
from perdure_console.form import read_form
from perdure_console.identity import person_of
from perdure_console.pages import page

__all__ = ["offer", "show"]

_LONGEST_DEVICE: Final = 200  # characters


async def show(request: Request) -> Response:
    """Show the person's keys: those that count, and those that were offered."""
    desk, person = desk_of(request), person_of(request)
    known = desk.approvers.current().approvers.get(person.name)
    keys = () if known is None else known.keys
    offers = [decode(it.raw) async for it in desk.bus.read(f"admin.enrolment.{to_token(person.name)}")]
    accepted = {key.key_id for key in keys}
    open_offers = [it for it in offers if isinstance(it, KeyOffered) and it.key_id not in accepted]
    return page(request, "key.html", keys=keys, offers=open_offers[::-1])


async def offer(request: Request) -> Response:
    """Put a key that the browser has made on ADMIN; nothing can be decided with it until it is accepted.

    Raises:
        HTTPException: It is no key, or the person does not hold it (400).
    """
    desk, person, form = desk_of(request), person_of(request), await read_form(request)
    public = form.get("public", "")
    try:
        offered = KeyOffered(
            approver=person.name,
            public=public,
            key_id=key_id_of(b64decode(public, validate=True)),
            proof=form.get("proof", ""),
            device=request.headers.get("user-agent", "")[:_LONGEST_DEVICE],
            at=datetime.now(UTC),
        )
        check_offer(offered)
    except (ValueError, ValidationError, WrongArgument) as error:
        raise HTTPException(400, "A key is made in the browser, which needs JavaScript.") from error
    await desk.bus.publish(offered)
    return RedirectResponse("/key", status_code=303)
