"""The reference of ``perdure.yaml`` in Markdown, made from the settings models and their docstrings."""

import re
from collections.abc import Iterator
from typing import Final

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from perdure.config.key_types import default_text, sections_in, type_text
from perdure.config.meanings import key_meanings, summary
from perdure.config.project import PREFIX
from perdure.config.settings import Settings

__all__ = ["reference"]

_INTRODUCTION: Final = f"""\
# Reference of `perdure.yaml`

Made by `make reference` from the code: change the docstrings there. `perdure config reference` prints the same.

Perdure reads the file once, at start. A key that is not listed here is an error that names the nearest one. Every key
can also be set by a variable: `{PREFIX}` and the path, joined by two underscores, as in `{PREFIX}NATS__SERVERS`. A
variable holds JSON for lists and maps, and wins over the file. `PERDURE_CONFIG` names another file than `perdure.yaml`.
`perdure config check` checks what is written.

| type | how to write it |
| --- | --- |
| duration | `500ms`, `90s`, `15m`, `2h`, `7d`, or a number of seconds |
| size | `512MiB`, `2GiB`, or a number of bytes |
| rate | `10/s`, `100/m` or `5/30s` |
| time of day | `"22:00"`, in quotes |
| path | relative to the folder of `perdure.yaml`; with `PERDURE_CONFIG`, to the folder in which Perdure starts |
"""


def reference() -> str:
    """Return the whole reference."""
    paths = _paths()
    headings = {model: _heading(model, paths[model]) for model in paths}
    parts = [_INTRODUCTION, *(_section(model, headings) for model in paths)]
    return "\n".join(parts)


def _paths() -> dict[type[BaseModel], list[str]]:
    """Return all sections in the order of the file, each with the paths at which it stands."""
    paths: dict[type[BaseModel], list[str]] = {Settings: [""]}

    def visit(model: type[BaseModel], path: str) -> None:
        for name, field in model.model_fields.items():
            for step, section in sections_in(field.annotation):
                below = f"{path}{'.' if path else ''}{_key(name, field)}{step}"
                known = section in paths
                paths.setdefault(section, []).append(below)
                if not known:
                    visit(section, below)

    visit(Settings, "")
    return paths


def _heading(model: type[BaseModel], paths: list[str]) -> str:
    if model is Settings:
        return "Top level"
    kind = {"StdioServer": " (a process)", "HttpServer": " (over HTTP)"}.get(model.__name__, "")
    return ", ".join(f"`{path}`" for path in dict.fromkeys(paths)) + kind


def _section(model: type[BaseModel], headings: dict[type[BaseModel], str]) -> str:
    lines = [f"## {headings[model]}", "", summary(model), ""]
    if model.model_fields:
        lines += ["| key | type | default | meaning |", "| --- | --- | --- | --- |", *_rows(model, headings), ""]
    return "\n".join(lines)


def _rows(model: type[BaseModel], headings: dict[type[BaseModel], str]) -> Iterator[str]:
    meanings = key_meanings(model)
    for name, field in model.model_fields.items():
        below = [section for _, section in sections_in(field.annotation)]
        links = ", ".join(f"[keys](#{_anchor(headings[section])})" for section in below)
        kind = type_text(field) + (f": {links}" if links else "")
        meaning = meanings.get(name) or (summary(below[0]) if below else "")
        yield f"| `{_key(name, field)}` | {kind} | {default_text(field)} | {meaning} |"


def _key(name: str, field: FieldInfo) -> str:
    return field.alias or name


def _anchor(heading: str) -> str:
    """Return the anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-")
