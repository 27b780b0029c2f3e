"""What is wrong in the configuration, or in the code that it names, each with its line."""

from pydantic import BaseModel, ConfigDict

from perdure.errors import SetupError

__all__ = ["InvalidConfiguration", "Problem"]


class Problem(BaseModel):
    """One thing that is wrong.

    Attributes:
        where: The file and the line, such as ``perdure.yaml:7``; empty if no line is at fault.
        what: What is wrong, and what to do, in a sentence.
        is_warning: Whether it may be right, so that it keeps nothing from starting.
    """

    model_config = ConfigDict(frozen=True)

    where: str = ""
    what: str
    is_warning: bool = False

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" if self.where else self.what


class InvalidConfiguration(SetupError):
    """The configuration, or code that it names, is wrong.

    Attributes:
        problems: Everything that is wrong, in the order in which it was found.
    """

    def __init__(self, *problems: Problem, heading: str = "") -> None:
        super().__init__("\n  ".join([*([heading] if heading else []), *map(str, problems)]))
        self.problems = problems
