"""Stories that are always told: those that chance alone tells too seldom."""

from datetime import timedelta
from typing import Final

from tests.support.scenarios.scenario import Ask, Die, Pass, Rung, Say, Story

ESCALATED: Final = Story(
    asks=(Ask(people=("ann",), ladder=(Rung(after=1, people=("bob",), instead=True),)),),
    steps=(
        Say("bob", "approve"),
        Pass(2),
        Say("ann", "approve"),
        Say("bob", "approve", nonce=2),
    ),
)
WITHDRAWN: Final = Story(
    asks=(Ask(quorum=2),),
    steps=(Say("ann", "approve"), Say("ann", "withdraw", nonce=2), Die(), Say("bob", "approve"), Say("cat", "approve")),
)
VETOED: Final = Story(
    asks=(Ask(rejections=3, veto_roles=("legal",)),),
    steps=(Say("ann", "reject"), Die(missed=1), Say("lee", "reject"), Say("bob", "approve")),
)
NO_TIME_LEFT: Final = Story(
    asks=(Ask(timeout=0),),
    steps=(Say("ann", "approve"), Pass(2), Say("bob", "reject")),
    lead=timedelta(hours=1, minutes=10),
)
BOTH_AT_ONCE: Final = Story(
    asks=(Ask(), Ask(quorum=2)),
    steps=(Die(missed=4), Say("ann", "reject"), *(Say(who, "approve", about=2) for who in ("ann", "bob", "cat"))),
    order="any",
)
