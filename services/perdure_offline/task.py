"""Separates a prompt into the tasks that it names and the text that they are about."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

__all__ = ["Assignment", "OfflineTask", "named_tasks", "read_assignment"]


class OfflineTask(StrEnum):
    """The tasks of the offline model, in the order of a report."""

    SUMMARY = "summary"
    SENTIMENT = "sentiment"
    ENTITIES = "entities"
    KEY_PHRASES = "key phrases"


_TASK_WORDS: Final = {
    OfflineTask.SUMMARY: re.compile(r"summar|\b(?:abstract|gist|key points?|tl;?dr)\b", re.IGNORECASE),
    OfflineTask.SENTIMENT: re.compile(r"sentiment|\b(?:mood|polarity|tone)\b", re.IGNORECASE),
    OfflineTask.ENTITIES: re.compile(r"\b(?:entity|entities|names|organi[sz]ations?)\b", re.IGNORECASE),
    OfflineTask.KEY_PHRASES: re.compile(r"\b(?:key[ -]?(?:phrase|term|word)s?|tags?|topics?)\b", re.IGNORECASE),
}
_OPENING_LENGTH: Final = 80  # characters, of a prompt that is all one paragraph
_OPENING: Final = re.compile(r"(?P<opening>.*?)(?P<ending>:[ \t]*\r?\n|\r?\n[ \t]*\r?\n)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Assignment:
    """The tasks of a prompt and their text.

    Attributes:
        tasks: The tasks that the prompt names; if empty, a report of all.
        opening: The beginning of the prompt, where an instruction would be.
        text: The text to work on, including the opening if that is not an instruction.
    """

    tasks: tuple[OfflineTask, ...]
    opening: str
    text: str


def read_assignment(instruction: str, prompt: str) -> Assignment:
    """Separate the instruction in a prompt from the text that it is about.

    The text begins after the first line that ends with a colon, or after the first blank line, whichever comes first;
    if there is neither, or if the prompt begins with a heading or the text itself, the whole prompt is the text.
    """
    match = _OPENING.match(prompt)
    if match is None or not prompt[match.end() :].strip():
        return Assignment(named_tasks(instruction) or named_tasks(prompt[:_OPENING_LENGTH]), prompt, prompt)
    opening = match["opening"]
    if not _is_instruction(opening, match["ending"], instruction):
        return Assignment(named_tasks(instruction), opening, prompt)
    return Assignment(named_tasks(opening) or named_tasks(instruction), opening, prompt[match.end() :])


def _is_instruction(opening: str, ending: str, instruction: str) -> bool:
    if opening.lstrip().startswith("#"):  # a document's heading
        return False
    # If the agent has an instruction of its own, a first paragraph probably belongs to the text.
    return ending.startswith(":") or not instruction.strip() or bool(named_tasks(opening))


def named_tasks(words: str) -> tuple[OfflineTask, ...]:
    """Return the tasks that an instruction names."""
    return tuple(task for task, pattern in _TASK_WORDS.items() if pattern.search(words))
