"""What keeps a running program from its work, as its health check finds it."""

from dataclasses import dataclass

__all__ = ["Trouble"]


@dataclass(frozen=True, slots=True)
class Trouble:
    """What keeps a program from its work.

    Attributes:
        what: What is wrong, as a sentence.
        restart_helps: Whether the program works again once it is started anew.
    """

    what: str
    restart_helps: bool
