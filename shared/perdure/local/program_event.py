"""What happens to the programs of a suite, as the supervisor reports it."""

from dataclasses import dataclass

__all__ = ["Died", "ProgramEvent", "Ready", "Restarting", "Stopped", "Troubled"]


@dataclass(frozen=True, slots=True)
class Ready:
    """A program is ready, ``seconds`` after it was started."""

    name: str
    where: str
    seconds: float
    pid: int


@dataclass(frozen=True, slots=True)
class Died:
    """A program ended unexpectedly or could not be executed; it is restarted after ``seconds``.

    Attributes:
        how: The name of the signal, ``exit`` with the code, or why it could not be executed.
        why: The last message of its log if it ended by itself.
    """

    name: str
    how: str
    seconds: float
    why: str = ""


@dataclass(frozen=True, slots=True)
class Restarting:
    """The supervisor stops a program and starts it again at once."""

    name: str
    why: str


@dataclass(frozen=True, slots=True)
class Troubled:
    """A program runs and cannot do its work; the supervisor starts it anew once that helps."""

    name: str
    what: str


@dataclass(frozen=True, slots=True)
class Stopped:
    """The supervisor stopped a program."""

    name: str


ProgramEvent = Ready | Died | Restarting | Troubled | Stopped
