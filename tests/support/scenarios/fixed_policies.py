"""Scenarios of policies and approvers files that are always played, each with what only one rule decides."""

from typing import Final

from tests.support.scenarios.actions import Assign, Decide, KillWorker, Leave, PassTime, Repeat, Return
from tests.support.scenarios.floor import Floor, Tightening
from tests.support.scenarios.request import EscalationStep, Request
from tests.support.scenarios.scenario import Scenario

UNDER_A_FLOOR: Final = Scenario(
    requests=(
        Request(people=("ann", "lee"), escalations=(EscalationStep(after=1, people=("dan",), roles=("legal",)),)),
    ),
    actions=(
        Decide("lee", "approve"),
        Decide("bob", "approve"),
        PassTime(2),
        Decide("dan", "approve"),
        Decide("ann", "approve"),
        KillWorker(missed=1),
        Decide("lee", "approve", nonce=2),
    ),
    floor=Floor(roles=("editor", "legal"), quorum=2, veto_roles=("legal",)),
)
DEAR_AND_CHEAP: Final = Scenario(
    requests=(Request(amount=1000), Request(amount=1001, minutes=25)),
    actions=(
        Decide("bob", "approve"),
        Decide("bob", "approve", number=2, proxy=True),
        Decide("bob", "approve", number=2, nonce=2),
        Repeat(2, same_place=False),
        Decide("lee", "approve", number=2),
    ),
    order="in turn",
    renews=True,
    floor=Floor(proxies="distinct", dear=Tightening(quorum=2, proxies=False)),
)
WITHOUT_AN_AMOUNT: Final = Scenario(
    requests=(Request(), Request(amount=5, minutes=25)),
    actions=(
        Decide("ann", "approve", number=2),
        Decide("ann", "approve"),
        Decide("bob", "approve"),
        Decide("lee", "reject"),
    ),
    floor=Floor(rejections=2, dear=Tightening(role_quorums=(("legal", 1),), veto_roles=("legal",))),
)
BY_ROLE: Final = Scenario(
    requests=(Request(role_quorums=(("editor", 1), ("legal", 1))),),
    actions=(
        Assign("ann", ("editor", "legal")),
        Decide("cat", "approve"),
        Decide("bob", "withdraw"),
        Decide("cat", "approve", nonce=2),
        Decide("dan", "approve"),
        Decide("bob", "approve", nonce=2),
    ),
)
AWAY: Final = Scenario(
    requests=(Request(quorum=3, rejections=2),),
    actions=(
        Decide("ann", "approve"),
        Decide("cat", "approve"),
        Leave("bob", ("lee",)),
        Decide("lee", "approve"),
        Decide("bob", "approve"),
        Decide("dan", "approve"),
        Decide("eve", "approve"),
    ),
)
AWAY_FOR_A_WHILE: Final = Scenario(
    requests=(Request(people=("bob",), rejections=2),),
    actions=(
        KillWorker(missed=3),
        Decide("lee", "reject"),
        Leave("bob", ("lee",)),
        Decide("lee", "reject", nonce=2),
        Return("bob"),
        Decide("lee", "withdraw", nonce=3),
        Decide("lee", "approve", nonce=4),
        Decide("bob", "approve"),
    ),
)
TWO_DELEGATES: Final = Scenario(
    requests=(Request(roles=("editor",), quorum=2),),
    actions=(
        Leave("bob", ("lee", "dan")),
        Decide("lee", "approve"),
        Decide("dan", "approve"),
        Assign("dan", ("editor",)),
        Decide("dan", "approve", nonce=2),
    ),
)
EDITED_BEFORE_IT_IS_VERIFIED: Final = Scenario(
    requests=(Request(roles=("legal",), quorum=2),),
    actions=(
        KillWorker(missed=2),
        Decide("lee", "approve"),
        Assign("lee", ()),
        Assign("dan", ("legal",)),
        Decide("dan", "approve"),
        Decide("lee", "approve", nonce=2),
        Assign("bob", ("legal",)),
        Decide("bob", "approve"),
    ),
)
POLICY_STORIES: Final = (
    UNDER_A_FLOOR,
    DEAR_AND_CHEAP,
    WITHOUT_AN_AMOUNT,
    BY_ROLE,
    AWAY,
    AWAY_FOR_A_WHILE,
    TWO_DELEGATES,
    EDITED_BEFORE_IT_IS_VERIFIED,
)
