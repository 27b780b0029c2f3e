"""The parts of a CEL expression's text: its conjuncts, and the variables that it reads."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from perdure.values.cel_tokens import all_tokens, macro_variables, tokens
from perdure_ingest.variables import VARIABLES

__all__ = ["MISSING", "VariablePath", "split_conjuncts", "variable_paths"]

MISSING: Final = object()
"""The value of a path that leads nowhere."""

_PLAIN_STRING: Final = re.compile(r"""(["'])([^"'\\]+)\1""")


@dataclass(frozen=True, slots=True)
class VariablePath:
    """A variable, or a field inside one, as an expression reads it.

    Attributes:
        text: As the expression has it: ``data.items[0]`` or ``headers['x-tenant']``.
        steps: The variable's name, then keys and indexes.
    """

    text: str
    steps: tuple[str | int, ...]

    def value_in(self, values: dict[str, Any]) -> Any:
        """Return the value at this path, or ``MISSING``."""
        value: Any = values
        for step in self.steps:
            try:
                value = value[step]
            except (LookupError, TypeError):
                return MISSING
        return value


def split_conjuncts(text: str) -> tuple[str, ...]:
    """Split ``a && b && c`` at its top level; an expression that is no conjunction stays whole."""
    conjuncts: list[str] = []
    depth = start = 0
    for token in all_tokens(text):
        match token[0]:
            case "(" | "[" | "{":
                depth += 1
            case ")" | "]" | "}":
                depth -= 1
            case "||" | "?" if depth == 0:  # both bind less tightly than &&
                return (text.strip(),)
            case "&&" if depth == 0:
                conjuncts.append(text[start : token.start()].strip())
                start = token.end()
    return (*conjuncts, text[start:].strip())


def variable_paths(text: str) -> tuple[VariablePath, ...]:
    """Return the paths into the event that an expression reads, each once, in the order of the text."""
    found = tokens(text)
    names = set(VARIABLES) - macro_variables(text)
    return tuple(dict.fromkeys(_paths(found, names)))


def _paths(tokens: list[re.Match[str]], names: set[str]) -> Iterator[VariablePath]:
    for start, token in enumerate(tokens):
        is_field = start > 0 and tokens[start - 1][0] == "."
        if token[0] in names and not is_field and _text(tokens, start + 1) != "(":
            yield _path_at(tokens, start)


def _path_at(tokens: list[re.Match[str]], start: int) -> VariablePath:
    steps: list[str | int] = [tokens[start][0]]
    end = start + 1
    while end < len(tokens) - 1:
        is_name = tokens[end + 1].lastgroup == "name"
        if tokens[end][0] == "." and is_name and _text(tokens, end + 2) != "(":  # a name before ( is a method
            steps.append(tokens[end + 1][0])
            end += 2
        elif tokens[end][0] == "[" and _text(tokens, end + 2) == "]" and (key := _key(tokens[end + 1][0])) is not None:
            steps.append(key)
            end += 3
        else:
            break
    return VariablePath("".join(token[0] for token in tokens[start:end]), tuple(steps))


def _text(tokens: list[re.Match[str]], index: int) -> str:
    return tokens[index][0] if index < len(tokens) else ""


def _key(literal: str) -> str | int | None:
    plain = _PLAIN_STRING.fullmatch(literal)
    if plain is not None:
        return plain[2]
    return int(literal) if literal.isdecimal() else None
