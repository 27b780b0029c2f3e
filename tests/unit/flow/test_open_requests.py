from perdure.contracts import ApprovalExpired, Decision
from perdure.flow.open_requests import OpenRequests
from perdure.voting.ballot import ReceivedDecision
from tests.support.approval_requests import DIGEST, NOW, REQUEST


def decision(name: str = "d1", place: str = "DECISIONS.1", **fields: object) -> ReceivedDecision:
    whole = {
        "workflow_id": "w",
        "request_id": "w.1",
        "decision": "approve",
        "approver": "ann",
        "digest": DIGEST,
        "nonce": name,
        **fields,
    }
    return ReceivedDecision(decision_id=name, place=place, decision=Decision.model_validate(whole))


async def test_the_first_decision_that_counts_settles_the_request() -> None:
    requests = OpenRequests()
    conclusion, refused = requests.open(REQUEST)

    receipt = requests.receive(decision(), NOW)

    assert receipt is None
    assert refused == []
    assert conclusion.result().last == decision()


async def test_a_decision_before_its_request_counts_once_the_request_opens() -> None:
    requests = OpenRequests()
    requests.receive(decision(), NOW)

    conclusion, _ = requests.open(REQUEST)

    assert conclusion.result().last == decision()


async def test_a_redelivered_decision_counts_once() -> None:
    requests = OpenRequests()
    requests.open(REQUEST)
    requests.receive(decision(), NOW)

    assert requests.receive(decision(), NOW) is None


async def test_the_same_decision_at_another_place_is_a_replay() -> None:
    requests = OpenRequests()
    requests.open(REQUEST)
    requests.receive(decision(), NOW)

    receipt = requests.receive(decision(place="DECISIONS.7"), NOW)

    assert receipt is not None
    assert (receipt.accepted, receipt.code) == (False, "replayed")
    assert receipt.message_id == "receipt.d1.DECISIONS.7"


async def test_a_second_decision_is_refused_with_the_approver_of_the_first() -> None:
    requests = OpenRequests()
    requests.open(REQUEST)
    requests.receive(decision(), NOW)

    receipt = requests.receive(decision("d2", approver="bob", decision="reject"), NOW)

    assert receipt is not None
    assert not receipt.accepted
    assert receipt.code == "already_decided"
    assert "ann decided it before" in receipt.reason


async def test_a_decision_after_the_end_is_refused() -> None:
    requests = OpenRequests()
    requests.open(REQUEST)
    requests.close("w.1", "request_expired", "too late")

    receipt = requests.receive(decision(), NOW)

    assert receipt is not None
    assert receipt.reason == "too late"


async def test_decisions_about_requests_that_never_opened_are_refused_when_the_run_ends() -> None:
    requests = OpenRequests()
    requests.receive(decision(request_id="w.9"), NOW)

    codes = [getattr(message, "code", None) for message in requests.close_all(NOW)]
    later = requests.receive(decision("d2", request_id="w.9"), NOW)

    assert codes == ["never_asked"]
    assert list(requests.close_all(NOW)) == []
    assert later is not None
    assert later.code == "never_asked"


async def test_a_request_that_is_open_when_the_run_ends_is_withdrawn() -> None:
    requests = OpenRequests()
    requests.open(REQUEST)

    (withdrawn,) = requests.close_all(NOW)
    receipt = requests.receive(decision(), NOW)

    assert isinstance(withdrawn, ApprovalExpired)
    assert (withdrawn.request_id, withdrawn.reason) == ("w.1", "the run closed this request")
    assert requests.withdraw("w.1", NOW) == []
    assert receipt is not None
    assert receipt.code == "no_longer_asked"
