"""How votes on an approval request count: pure, for the run that judges them and for whoever counts them anew."""

from perdure.voting.ballot import Ballot, Conclusion, ReceivedDecision

__all__ = ["Ballot", "Conclusion", "ReceivedDecision"]
