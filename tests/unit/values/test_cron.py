"""Cron expressions: what they mean, and the sentences on what is none."""

import pytest

from perdure.values.cron import Span, parse_cron

EVERY_DAY, EVERY_MONTH, EVERY_WEEKDAY = (Span(1, 31),), (Span(1, 12),), (Span(0, 6),)


def test_five_fields_are_due_at_the_full_minute_and_six_begin_with_the_second() -> None:
    minutely, tenth = parse_cron("* * * * *"), parse_cron("*/10 * * * * *")

    assert (minutely.seconds, tenth.seconds) == ((Span(0, 0),), (Span(0, 59, 10),))
    assert minutely.minutes == tenth.minutes == (Span(0, 59),)
    assert (minutely.days, minutely.months, minutely.weekdays) == (EVERY_DAY, EVERY_MONTH, EVERY_WEEKDAY)


def test_names_lists_spans_and_steps_are_read() -> None:
    cron = parse_cron("0,30 8-18/2 1 JAN-mar mon-FRI")

    assert cron.minutes == (Span(0, 0), Span(30, 30))
    assert cron.hours == (Span(8, 18, 2),)
    assert cron.months == (Span(1, 3),)
    assert cron.weekdays == tuple(Span(day, day) for day in range(1, 6))


@pytest.mark.parametrize("sunday", ["0", "7", "sun", "SUN"])
def test_sunday_has_two_numbers_and_a_name(sunday: str) -> None:
    assert parse_cron(f"0 6 * * {sunday}").weekdays == (Span(0, 0),)


def test_a_span_may_end_on_sunday() -> None:
    assert parse_cron("0 6 * * SAT-SUN").weekdays == parse_cron("0 6 * * 6-7").weekdays == (Span(0, 0), Span(6, 6))


def test_shorthands_are_known() -> None:
    assert parse_cron("@daily") == parse_cron("0 0 * * *")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "has 0 fields: write five fields"),
        ("0 6 * *", "has 4 fields"),
        ("0 6 * * * * *", "has 7 fields"),
        ("@never", "has 1 fields"),
        ("60 6 * * *", "'60' is no minute: write 0 to 59"),
        ("0 24 * * *", "'24' is no hour: write 0 to 23"),
        ("0 6 0 * *", "'0' is no day: write 1 to 31"),
        ("0 6 L * *", "'L' is no day"),
        ("0 6 * 13 *", "'13' is no month: write 1 to 12 or a name such as JAN"),
        ("0 6 * * MONDAY", "'MONDAY' is no weekday: write 0 to 7 or a name such as MON"),
        ("0 18-8 * * *", "the hour `18-8` ends before it begins: write two spans"),
        ("*/0 * * * *", "the minute `\\*/0` has no step after its slash"),
        ("*/x * * * *", "has no step after its slash"),
        ("1,,2 * * * *", "'' is no minute"),
        ("٣ * * * *", "'٣' is no minute"),
        ("0 6 31 2,4 *", "is never due: no such month has a day 31"),
        ("0 6 30 2 *", "is never due: no such month has a day 30"),
    ],
)
def test_what_is_none_is_refused_with_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        parse_cron(text)
