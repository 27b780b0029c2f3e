"""Scenarios that are always played, because random ones seldom contain them."""

from datetime import timedelta
from typing import Final

from tests.support.scenarios.scenario import Decide, EscalationStep, KillWorker, PassTime, Request, Scenario

ESCALATED: Final = Scenario(
    requests=(Request(people=("ann",), escalations=(EscalationStep(after=1, people=("bob",), instead=True),)),),
    actions=(
        Decide("bob", "approve"),
        PassTime(2),
        Decide("ann", "approve"),
        Decide("bob", "approve", nonce=2),
    ),
)
WITHDRAWN: Final = Scenario(
    requests=(Request(quorum=2),),
    actions=(
        Decide("ann", "approve"),
        Decide("ann", "withdraw", nonce=2),
        KillWorker(),
        Decide("bob", "approve"),
        Decide("cat", "approve"),
    ),
)
VETOED: Final = Scenario(
    requests=(Request(rejections=3, veto_roles=("legal",)),),
    actions=(Decide("ann", "reject"), KillWorker(missed=1), Decide("lee", "reject"), Decide("bob", "approve")),
)
NO_TIME_LEFT: Final = Scenario(
    requests=(Request(timeout=0),),
    actions=(Decide("ann", "approve"), PassTime(2), Decide("bob", "reject")),
    lead=timedelta(hours=1, minutes=10),
)
BOTH_AT_ONCE: Final = Scenario(
    requests=(Request(), Request(quorum=2)),
    actions=(
        KillWorker(missed=4),
        Decide("ann", "reject"),
        *(Decide(who, "approve", number=2) for who in ("ann", "bob", "cat")),
    ),
    order="any",
)
