"""Routes with a ``cron``: they take the events of their schedule, and what is wrong with one is a sentence."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from perdure.config.routes import Route


def test_a_route_with_a_cron_takes_the_events_of_its_own_schedule() -> None:
    by_workflow = Route.model_validate({"cron": "0 6 * * MON-FRI", "start": "Report"})
    named = Route.model_validate({"cron": "@daily", "start": "Report", "name": "nightly"})

    assert (by_workflow.on, named.on) == ("schedules.Report", "schedules.nightly")
    assert (by_workflow.timezone, by_workflow.paused, by_workflow.catch_up) == ("UTC", False, timedelta(days=365))


def test_a_route_with_a_cron_is_read_back_as_it_was_written() -> None:
    route = Route.model_validate(
        {"cron": "0 6 * * *", "timezone": "Europe/Zurich", "start": "Report", "catch_up": "1h"}
    )

    other = Route.model_validate({"on": "a", "start": "Report"})

    for it in (route, other):
        assert Route.model_validate(it.model_dump(mode="json", by_alias=True)) == it


@pytest.mark.parametrize(
    ("route", "sentence"),
    [
        ({"cron": "0 6 * *", "start": "A"}, "has 4 fields: write five fields"),
        ({"cron": "0 6 * * *", "start": "A", "timezone": "Europe/Zürich"}, "there is no timezone Europe/Zürich"),
        ({"cron": "0 6 * * *", "start": "A", "on": "a"}, "a route has `on` or `cron`, not both"),
        ({"cron": "0 6 * * *", "start": "A", "name": "two words"}, "give the route with a `cron` a `name`"),
        ({"cron": "0 6 * * *", "start": "A", "name": "a*"}, "give the route with a `cron` a `name`"),
        ({"cron": "0 6 * * *", "start": "A", "catch_up": "1s"}, "the shortest time that Temporal keeps is 10s"),
        ({"cron": "0 6 * * *", "signal": "s", "workflow_id": "x"}, "a route with a `cron` has `start`"),
        ({"on": "a", "start": "A", "timezone": "Europe/Zurich"}, "`timezone` is only for routes with a `cron`"),
        ({"on": "a", "start": "A", "paused": True}, "`paused` is only for routes with a `cron`"),
        ({"start": "A"}, "Field required"),
    ],
)
def test_a_wrong_schedule_is_refused_with_a_sentence(route: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence.replace("*", r"\*")):
        Route.model_validate(route)
