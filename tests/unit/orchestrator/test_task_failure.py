"""What temporalio says of a failed workflow task becomes one line with the place in the author's code."""

import pytest

from perdure_orchestrator.task_failure import TaskFailure, read_failure

TRACE = r'stack_trace: "  File \"/srv/app/greetings.py\", line 21, in run\n    words[\"name\"]\n"'
CAUSE = (
    'Some(Failure { message: "inner", source: "", stack_trace: "", encoded_attributes: None, cause: None, '
    'failure_info: Some(ApplicationFailureInfo(ApplicationFailureInfo { r#type: "OSError", non_retryable: false })) })'
)

PLACE = "/srv/app/greetings.py:21"
PROBLEM = r"1 validation error for Order\nquantity\n  Field required\n    For further information visit https://e.dev/x"
PROBLEM_IN_A_LINE = "1 validation error for Order quantity Field required"
FIELD = CAUSE.replace("inner", PROBLEM)


def failure(message: str, *, kind: str = "KeyError", cause: str = "None") -> str:
    return (
        f'Workflow activation completion failed: Failure {{ failure: Some(Failure {{ message: "{message}", source: "", '
        f"{TRACE}, encoded_attributes: None, cause: {cause}, failure_info: Some(ApplicationFailureInfo("
        f'ApplicationFailureInfo {{ r#type: "{kind}", non_retryable: false }})) }}), force_cause: Unspecified }}'
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (failure("'name'"), ("KeyError", "KeyError: 'name' (/srv/app/greetings.py:21)", "/srv/app/greetings.py:21")),
        (
            failure(r"say \"\\\" \u{1f600}\n twice", kind="ValueError", cause=CAUSE),
            ("ValueError", 'ValueError: say "\\" 😀 twice (/srv/app/greetings.py:21)', "/srv/app/greetings.py:21"),
        ),
        (
            failure("Failed decoding arguments", kind="RuntimeError", cause=FIELD),
            (
                "RuntimeError",
                f"RuntimeError: Failed decoding arguments: {PROBLEM_IN_A_LINE} ({PLACE})",
                PLACE,
            ),
        ),
        ("Nondeterminism error: no such\ntimer", ("LANG_FAIL", "Nondeterminism error: no such timer", None)),
        ("", ("LANG_FAIL", "", None)),
    ],
)
def test_a_failure_is_one_line_with_its_place(text: str, expected: tuple[str, str, str | None]) -> None:
    assert read_failure("LANG_FAIL", text) == TaskFailure(*expected)


def test_a_long_error_is_cut_and_its_place_is_not() -> None:
    found = read_failure("LANG_FAIL", failure("x" * 10_000))

    assert len(found.error) < 600
    assert found.error.endswith("(/srv/app/greetings.py:21)")


def test_failures_that_differ_by_the_address_of_an_object_are_the_same() -> None:
    first, second = [
        read_failure("LANG_FAIL", failure(f"bad <Order object at {at}>")) for at in ("0x7f1d47f54650", "0x7f1d47198640")
    ]

    assert first == second
