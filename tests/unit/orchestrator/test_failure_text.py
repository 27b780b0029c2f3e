"""The text of a failure that anybody's worker has written into Temporal's history."""

from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure

from perdure_orchestrator.failure_converter import failure_text

TRACE = '  File "/srv/other/orders.py", line 42, in pay\n    raise Declined\n'
SECRET = Payload(metadata={"encoding": b"binary/encrypted"}, data=b"?")


def test_payloads_that_only_its_writer_can_read_do_not_matter() -> None:
    cause = Failure(message="no money", stack_trace=TRACE)
    cause.application_failure_info.type = "Declined"
    cause.application_failure_info.details.payloads.append(SECRET)
    failure = Failure(message="Activity task failed", cause=cause)
    failure.activity_failure_info.activity_type.name = "pay"

    assert failure_text(failure) == "no money (/srv/other/orders.py:42)"


def test_a_timeout_with_heartbeat_details_is_named() -> None:
    failure = Failure(message="activity StartToClose timeout")
    failure.timeout_failure_info.last_heartbeat_details.payloads.append(SECRET)

    assert failure_text(failure) == "activity StartToClose timeout"
