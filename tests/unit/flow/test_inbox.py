from perdure.contracts import ApprovalExpired, Decision
from perdure.flow.ballot import ReceivedDecision
from perdure.flow.open_requests import OpenRequests
from tests.support.approval_requests import DIGEST, NOW, REQUEST


def decision(name: str = "d1", place: str = "DECISIONS.1", **fields: object) -> ReceivedDecision:
    said = {
        "workflow_id": "w",
        "request_id": "w.1",
        "decision": "approve",
        "approver": "ann",
        "digest": DIGEST,
        "nonce": name,
    }
    return ReceivedDecision(decision_id=name, place=place, decision=Decision.model_validate({**said, **fields}))


async def test_the_first_answer_that_counts_settles_the_question() -> None:
    inbox = OpenRequests()
    answer, refused = inbox.open(REQUEST)

    receipt = inbox.receive(decision(), NOW)

    assert receipt is None
    assert refused == []
    assert answer.result().last == decision()


async def test_an_answer_that_comes_before_the_question_counts_when_it_is_asked() -> None:
    inbox = OpenRequests()
    inbox.receive(decision(), NOW)

    answer, _ = inbox.open(REQUEST)

    assert answer.result().last == decision()


async def test_the_same_answer_twice_is_one() -> None:
    inbox = OpenRequests()
    inbox.open(REQUEST)
    inbox.receive(decision(), NOW)

    assert inbox.receive(decision(), NOW) is None


async def test_the_same_answer_at_another_place_is_a_replay() -> None:
    inbox = OpenRequests()
    inbox.open(REQUEST)
    inbox.receive(decision(), NOW)

    receipt = inbox.receive(decision(place="DECISIONS.7"), NOW)

    assert receipt is not None
    assert (receipt.accepted, receipt.code) == (False, "replayed")
    assert receipt.message_id == "receipt.d1.DECISIONS.7"


async def test_a_second_answer_is_refused_with_the_name_of_the_first() -> None:
    inbox = OpenRequests()
    inbox.open(REQUEST)
    inbox.receive(decision(), NOW)

    receipt = inbox.receive(decision("d2", approver="bob", decision="reject"), NOW)

    assert receipt is not None
    assert not receipt.accepted
    assert receipt.code == "already_decided"
    assert "ann decided it before" in receipt.reason


async def test_an_answer_after_the_end_is_refused() -> None:
    inbox = OpenRequests()
    inbox.open(REQUEST)
    inbox.close("w.1", "request_expired", "too late")

    receipt = inbox.receive(decision(), NOW)

    assert receipt is not None
    assert receipt.reason == "too late"


async def test_answers_to_what_was_never_asked_are_refused_when_the_run_ends() -> None:
    inbox = OpenRequests()
    inbox.receive(decision(request_id="w.9"), NOW)

    codes = [getattr(said, "code", None) for said in inbox.close_all(NOW)]
    later = inbox.receive(decision("d2", request_id="w.9"), NOW)

    assert codes == ["never_asked"]
    assert list(inbox.close_all(NOW)) == []
    assert later is not None
    assert later.code == "never_asked"


async def test_what_is_open_when_the_run_ends_is_no_longer_asked() -> None:
    inbox = OpenRequests()
    inbox.open(REQUEST)

    (dropped,) = inbox.close_all(NOW)
    receipt = inbox.receive(decision(), NOW)

    assert isinstance(dropped, ApprovalExpired)
    assert (dropped.request_id, dropped.reason) == ("w.1", "the run no longer asks this")
    assert inbox.withdraw("w.1", NOW) == []
    assert receipt is not None
    assert receipt.code == "no_longer_asked"
