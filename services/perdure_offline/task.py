"""What a prompt asks for and of which text, because people write both into one prompt."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

__all__ = ["Assignment", "Task", "named_tasks", "read_assignment"]


class Task(StrEnum):
    """What the offline model can do, in the order in which a report says it."""

    SUMMARY = "summary"
    SENTIMENT = "sentiment"
    ENTITIES = "entities"
    KEY_PHRASES = "key phrases"


_ASKED_BY: Final = {
    Task.SUMMARY: re.compile(r"summar|\b(?:abstract|gist|key points?|tl;?dr)\b", re.IGNORECASE),
    Task.SENTIMENT: re.compile(r"sentiment|\b(?:mood|polarity|tone)\b", re.IGNORECASE),
    Task.ENTITIES: re.compile(r"\b(?:entity|entities|names|organi[sz]ations?)\b", re.IGNORECASE),
    Task.KEY_PHRASES: re.compile(r"\b(?:key[ -]?(?:phrase|term|word)s?|tags?|topics?)\b", re.IGNORECASE),
}
_FIRST_WORDS: Final = 80  # characters, of a prompt that is all one paragraph
_OPENING: Final = re.compile(r"(?P<opening>.*?)(?P<ending>:[ \t]*\r?\n|\r?\n[ \t]*\r?\n)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Assignment:
    """A piece of work.

    Attributes:
        tasks: Those that were named; none means a report of all.
        opening: The first words of the prompt, where an instruction would stand.
        text: What to work on; it includes the opening if that is no instruction.
    """

    tasks: tuple[Task, ...]
    opening: str
    text: str


def read_assignment(instruction: str, prompt: str) -> Assignment:
    """Tell the instruction in a prompt from the text that it is about.

    The text begins after the first line that ends with a colon, or after the first blank line, whichever comes first;
    if there is neither, or if the text itself seems to begin at once, the whole prompt is the text.
    """
    match = _OPENING.match(prompt)
    if match is None or not prompt[match.end() :].strip():
        return Assignment(named_tasks(instruction) or named_tasks(prompt[:_FIRST_WORDS]), prompt, prompt)
    opening = match["opening"]
    if not _instructs(opening, match["ending"], instruction):
        return Assignment(named_tasks(instruction), opening, prompt)
    return Assignment(named_tasks(opening) or named_tasks(instruction), opening, prompt[match.end() :])


def _instructs(opening: str, ending: str, instruction: str) -> bool:
    if opening.lstrip().startswith("#"):  # a document's heading
        return False
    # Where the agent's own instruction has said what to do, a first paragraph is more likely the text's.
    return ending.startswith(":") or not instruction.strip() or bool(named_tasks(opening))


def named_tasks(words: str) -> tuple[Task, ...]:
    """Return the tasks that an instruction asks for by name."""
    return tuple(task for task, pattern in _ASKED_BY.items() if pattern.search(words))
