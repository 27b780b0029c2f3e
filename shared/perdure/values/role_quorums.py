"""Counts votes for quorums by role: each vote fills the place of one role, whichever helps most."""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet

__all__ = ["missing_votes"]


def missing_votes(quorums: Mapping[str, int], votes: Iterable[AbstractSet[str]]) -> dict[str, int]:
    """Return how many votes each role lacks; empty if each quorum is met.

    Votes are matched to places by augmenting paths (Kuhn's algorithm for bipartite matching), so that somebody with
    several roles takes the place that nobody else can.

    Args:
        quorums: How many votes each role needs.
        votes: The roles of each voter.
    """
    places = [role for role, count in quorums.items() for _ in range(count)]
    voters = list(votes)
    taken: dict[int, int] = {}  # the voter of each place

    def seat(voter: int, seen: set[int]) -> bool:
        for place, role in enumerate(places):
            if role in voters[voter] and place not in seen:
                seen.add(place)
                if place not in taken or seat(taken[place], seen):
                    taken[place] = voter
                    return True
        return False

    for voter in range(len(voters)):
        seat(voter, set())
    free = [role for place, role in enumerate(places) if place not in taken]
    return {role: free.count(role) for role in dict.fromkeys(free)}
