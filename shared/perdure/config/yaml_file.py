"""Reads the configuration file as YAML 1.2.

PyYAML reads YAML 1.1, where ``on``, a key of every route, is the boolean ``true``.
"""

import os
import re
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import yaml
from pydantic_settings import YamlConfigSettingsSource

from perdure.config.project import CONFIG_VARIABLE, DEFAULT_FILE, project_folder

__all__ = ["CONFIG_VARIABLE", "Yaml12Source", "config_file", "read_yaml", "source_position"]


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader with the booleans of YAML 1.2's core schema (section 10.3.2)."""


_BOOL = "tag:yaml.org,2002:bool"
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != _BOOL]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(_BOOL, re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF"))


class Yaml12Source(YamlConfigSettingsSource):
    """Reads settings from a YAML 1.2 file."""

    def _read_file(self, file_path: Path | Traversable) -> dict[str, Any]:
        return read_yaml(file_path.read_text(encoding="utf-8")) or {}


def read_yaml(text: str) -> Any:
    """Read YAML 1.2 as plain data; tags of other types are an error."""
    return yaml.load(text, Loader=_Loader)  # noqa: S506 (this loader is a SafeLoader)


def config_file() -> Path | None:
    """Return the file that ``PERDURE_CONFIG`` names, else ``perdure.yaml`` of the project's folder if it exists."""
    if named := os.environ.get(CONFIG_VARIABLE):
        return Path(named)
    folder = project_folder()
    file = DEFAULT_FILE if folder == Path.cwd() else folder / DEFAULT_FILE
    return file if file.exists() else None


def source_position(*location: str | int) -> str:
    """Return ``perdure.yaml:7`` for a key of the configuration, or an empty text if the key is not in the file."""
    file = config_file()
    if file is None or not file.is_file():
        return ""
    found = _find(yaml.compose(file.read_text(encoding="utf-8"), Loader=_Loader), location)
    return "" if found is None else f"{file.name}:{found.start_mark.line + 1}"


def _find(root: yaml.Node | None, location: tuple[str | int, ...]) -> yaml.Node | None:
    """Return the deepest node of the location that exists: a missing key has no node of its own."""
    found = node = root
    for depth, part in enumerate(location):
        match node:
            case yaml.MappingNode():
                pair = next(((key, value) for key, value in node.value if key.value == part), None)
                if pair is None:
                    return found if depth else None
                found, node = pair
            case yaml.SequenceNode() if isinstance(part, int) and part < len(node.value):
                found = node = node.value[part]
            case _:
                break
    return found
