"""Publishes an event from a form, which has the fields of its route's schema."""

import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from pydantic import JsonValue
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from perdure.client.publishing import new_event, publish_event
from perdure.errors import WrongArgument
from perdure_console.desk import Desk, desk_of
from perdure_console.form import read_form
from perdure_console.identity import person_of
from perdure_console.pages import page
from perdure_console.schema_fields import data_in, fields_of

__all__ = ["publish", "show"]

_SOURCE: Final = "perdure/console"


async def show(request: Request) -> Response:
    """Show the form of one type of event."""
    return _form(request, request.query_params.get("type", ""), {}, "")


async def publish(request: Request) -> Response:
    """Publish the event, and go to its page.

    Raises:
        HTTPException: The person is no operator (403).
    """
    desk, person, form = desk_of(request), person_of(request), await read_form(request)
    person.require("operator")
    type_ = form.get("type", "").strip()
    try:
        event = new_event(type_, _data(desk, type_, form), form.get("id", "").strip() or None, _SOURCE)
    except WrongArgument as error:
        return _form(request, type_, form, str(error))
    await publish_event(desk.bus, event)
    return RedirectResponse(f"/event?{urlencode({'id': event.id})}", status_code=303)


def _data(desk: Desk, type_: str, form: Mapping[str, str]) -> JsonValue:
    schema = _schema(desk, type_)
    if schema is not None:
        return data_in(schema, form)
    try:
        data: JsonValue = json.loads(form.get("data", "").strip() or "{}")
    except ValueError as error:
        raise WrongArgument(f"The data is not JSON: {error}.") from error
    return data


def _schema(desk: Desk, type_: str) -> dict[str, Any] | None:
    """Return the first JSON Schema of an object that a route has for this type of event."""
    schemas = (route.data_schema for route in desk.routes if route.on == type_)
    return next((it for it in schemas if isinstance(it, dict) and it.get("properties")), None)


def _form(request: Request, type_: str, given: Mapping[str, str], problem: str) -> Response:
    desk = desk_of(request)
    types = sorted({route.on for route in desk.routes if route.on and not {"*", ">"} & set(route.on.split("."))})
    chosen = type_ or (types[0] if len(types) == 1 else "")
    schema = _schema(desk, chosen)
    fields = None if schema is None else fields_of(schema)
    return page(
        request,
        "publish.html",
        status=400 if problem else 200,
        types=types,
        chosen=chosen,
        fields=fields,
        given=given,
        problem=problem,
    )
