"""Patterns of NATS subjects: `*` is one token, a last `>` is one or more."""

__all__ = ["matches", "overlap"]


def overlap(pattern: str, other: str) -> bool:
    """Return whether some subject matches both NATS patterns."""
    ones, others = pattern.split("."), other.split(".")
    for one, another in zip(ones, others, strict=False):
        if ">" in {one, another}:
            return True
        if one != another and "*" not in {one, another}:
            return False
    return len(ones) == len(others)


def matches(pattern: str, subject: str) -> bool:
    """Return whether a subject matches a NATS pattern: ``*`` is one token, a last ``>`` is one or more."""
    wanted, tokens = pattern.split("."), subject.split(".")
    if wanted[-1] == ">":
        wanted = wanted[:-1]
        if len(tokens) <= len(wanted):
            return False
        tokens = tokens[: len(wanted)]
    return len(wanted) == len(tokens) and all(w in {"*", t} for w, t in zip(wanted, tokens, strict=True))
