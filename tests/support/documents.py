"""The Markdown documents, their code blocks and the commands that they show."""

import ast
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Final

__all__ = [
    "DOCUMENTS",
    "PAGES",
    "README",
    "ROOT",
    "Block",
    "block",
    "blocks",
    "commands_in",
    "inline_commands",
    "named",
]

ROOT: Final = Path(__file__).parents[2]
README: Final = ROOT / "README.md"
PAGES: Final = sorted((ROOT / "docs").glob("*.md"))
DOCUMENTS: Final = [
    README,
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *PAGES,
    *sorted((ROOT / "deploy").glob("*.md")),
    *sorted((ROOT / "examples").rglob("README.md")),
]

_FENCE: Final = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)
_INLINE: Final = re.compile(r"`([^`\n]+)`")
_ENDS: Final = {";", "|", "||", "&", "&&", "(", ")", "<", ">", ">>", "<<<", "$("}


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of code.

    Attributes:
        line: The line of its opening fence, from 1.
        language: What stands behind the fence; empty for drawings.
        text: Without the fences and their indentation.
    """

    document: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        """Return where it stands."""
        return f"{named(self.document)}:{self.line}"

    @property
    def definitions(self) -> list[str]:
        """The functions and classes at the top level of Python; a fragment has none."""
        kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
        body = compile(self.text, str(self), "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT).body
        return [node.name for node in body if isinstance(node, kinds)]


def named(document: Path) -> str:
    """Return the path of a document from the top of the repository."""
    return document.relative_to(ROOT).as_posix()


def blocks(language: str | None = None, *documents: Path) -> list[Block]:
    """Return the blocks of a language, or all, of these documents or of all, in order."""
    return [
        found
        for document in documents or DOCUMENTS
        for found in _blocks_of(document)
        if language in {None, found.language}
    ]


def block(document: str, containing: str) -> str:
    """Return the text of the only block of a document that contains a text."""
    (found,) = [it.text for it in blocks(None, ROOT / document) if containing in it.text]
    return found


def commands_in(shell: str) -> Iterator[list[str]]:
    """Yield the arguments of each call of ``perdure`` in a shell script."""
    pending = ""
    for line in shell.splitlines():
        pending = f"{pending.removesuffix(chr(92))}\n{line}" if pending else line
        words = None if pending.endswith("\\") else _words(pending)
        if words is not None:
            pending = ""
            yield from _calls(words)
    assert not pending, f"this never ends: {pending}"


def inline_commands(text: str) -> Iterator[list[str]]:
    """Yield the arguments of each call of ``perdure`` in backticks."""
    for span in _INLINE.findall(_FENCE.sub("", text)):
        yield from _calls(_words(span) or [])


def _blocks_of(document: Path) -> Iterator[Block]:
    text = document.read_text(encoding="utf-8")
    for found in _FENCE.finditer(text):
        yield Block(document, text.count("\n", 0, found.start()) + 1, found[2], dedent(found[3]))


def _words(line: str) -> list[str] | None:
    """Split a line as a shell does; None if a quote is still open."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    try:
        return list(lexer)
    except ValueError:
        return None


def _calls(words: list[str]) -> Iterator[list[str]]:
    for place, word in enumerate(words):
        if word.removeprefix(".venv/bin/") == "perdure" and words[place + 1 :]:
            rest = words[place + 1 :]
            end = next((number for number, it in enumerate(rest) if it in _ENDS), len(rest))
            yield rest[:end]
