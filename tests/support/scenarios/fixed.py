"""Scenarios that are always played, because random ones seldom contain them."""

from datetime import timedelta
from typing import Final

from tests.support.scenarios.actions import Decide, Forge, KillWorker, PassTime, Repeat, Revoke
from tests.support.scenarios.request import EscalationStep, Request
from tests.support.scenarios.scenario import Scenario

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
OVERTAKEN: Final = Scenario(
    requests=(Request(quorum=2),),
    actions=(
        KillWorker(missed=3, reverse=True),
        Decide("ann", "approve"),
        Decide("ann", "withdraw", nonce=2),
        Decide("bob", "approve"),
        Decide("cat", "approve"),
    ),
)
FORGED: Final = Scenario(
    requests=(Request(quorum=2),),
    actions=(
        Decide("ann", "approve"),
        *(Forge("bob", "approve", where=where) for where in ("nowhere", "gone", "stored")),
        KillWorker(missed=1),
        Forge("cat", "approve"),
        Decide("bob", "reject", number=2, flaw="unsigned"),
        Forge("bob", "reject", where="stored", of=1),
        Decide("eve", "reject"),
    ),
)
REVOKED: Final = Scenario(
    requests=(Request(quorum=3),),
    actions=(
        Decide("ann", "approve"),
        KillWorker(missed=2),
        Decide("bob", "approve"),
        Revoke("bob"),
        Decide("bob", "withdraw", nonce=2),
        Revoke("ann"),
        Repeat(0, same_place=False),
        Decide("cat", "approve"),
    ),
)
RENEWED: Final = Scenario(
    requests=(Request(), Request(quorum=2, minutes=25)),
    actions=(
        Decide("bob", "approve", number=2),
        Decide("ann", "approve"),
        Decide("eve", "approve"),
        Repeat(1, same_place=False),
        Repeat(1, same_place=True),
        Repeat(0, same_place=False),
        KillWorker(),
        Decide("ann", "approve", number=2),
    ),
    order="in turn",
    renews=True,
)
