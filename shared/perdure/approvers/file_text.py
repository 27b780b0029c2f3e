"""The text of the approvers file: a change keeps comments, order and style, and a cut-off file is recognised."""

from io import StringIO
from typing import Any, Final

__all__ = ["changed_text", "is_cut_off"]

_END: Final = "# The end."
_MUST_END: Final = (
    f'# It ends with the line "{_END}"; without it the file counts as cut off, and no decision is judged.'
)
_HEAD: Final = f"""\
# Who may vote on approval requests. `perdure approvers` writes this file too, and keeps its comments.
{_MUST_END}
"""


def is_cut_off(text: str) -> bool:
    """Return whether a file announces a last line that it has not."""
    lines = text.splitlines()
    return _MUST_END in lines and _END not in lines


def changed_text(text: str, old: dict[str, Any], new: dict[str, Any]) -> str:
    """Return the text of a file with the differences between two contents put into it.

    Args:
        text: The file's text, which holds the old content; empty for a new file.
        old: The old content, as JSON.
        new: The new content, as JSON.
    """
    from ruamel.yaml import YAML  # noqa: PLC0415 (a slow import, for changes only)

    editor = YAML()
    editor.preserve_quotes, editor.width, editor.allow_unicode = True, 4096, True
    document = editor.load(text) if text else None
    if document is None:
        document = {}
    _change(document, old, new)
    written = StringIO()
    editor.dump(document, written)
    lines = [line for line in written.getvalue().splitlines() if line != _END]
    body = "\n".join(lines) + "\n"
    if text and _MUST_END not in lines:
        return body
    return f"{body if text else _HEAD + body}{_END}\n"


def _change(node: Any, old: dict[str, Any], new: dict[str, Any]) -> None:
    """Set and remove the keys in which the contents differ, as deep in the document as possible."""
    for key in old.keys() - new.keys():
        node.pop(key, None)
    for key, value in new.items():
        before = old.get(key)
        if value == before:
            continue
        if isinstance(value, dict) and isinstance(before, dict) and key in node:
            _change(node[key], before, value)
        elif isinstance(value, list) and isinstance(before, list) and key in node:
            _change_list(node[key], before, value)
        else:
            node[key] = value


def _change_list(node: Any, old: list[Any], new: list[Any]) -> None:
    for index, (before, value) in enumerate(zip(old, new, strict=False)):
        if isinstance(before, dict) and isinstance(value, dict):
            _change(node[index], before, value)
        elif before != value:
            node[index] = value
    del node[len(new) :]
    node.extend(new[len(old) :])
