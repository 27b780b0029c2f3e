"""Reads the configuration file as YAML 1.2.

PyYAML reads YAML 1.1, where ``on``, a key of every route, is the boolean ``true``, and ``22:00`` is the number 1320.
"""

import os
import re
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic_settings import YamlConfigSettingsSource
from yaml.composer import ComposerError
from yaml.error import MarkedYAMLError

from perdure.config.problem import InvalidConfiguration, Problem
from perdure.config.project import CONFIG_VARIABLE, DEFAULT_FILE, project_folder
from perdure.errors import SetupError

__all__ = ["CONFIG_VARIABLE", "NotYaml", "Yaml12Source", "config_file", "read_yaml", "source_position"]


_BOOL: Final = "tag:yaml.org,2002:bool"
_INT: Final = "tag:yaml.org,2002:int"
_FLOAT: Final = "tag:yaml.org,2002:float"
_NUMBER_STARTS: Final = list("-+.0123456789")


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader with the booleans and numbers of YAML 1.2's core schema (section 10.3.2)."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        """Compose a mapping.

        Raises:
            ComposerError: A key stands in it twice; one of the values would count for nothing.
        """
        node: yaml.MappingNode = super().compose_mapping_node(anchor)
        known: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in known:
                    raise ComposerError(None, None, f"the key {key.value} stands here twice", key.start_mark)
                known.add(key.value)
        return node

    def construct_whole_number(self, node: yaml.ScalarNode) -> int:
        """Return an integer; leading zeros do not make it octal."""
        text = str(self.construct_scalar(node))
        return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))

    def construct_float(self, node: yaml.ScalarNode) -> float:
        """Return a float, which may lack a point."""
        text = str(self.construct_scalar(node)).lower()
        return float(text.replace(".inf", "inf").replace(".nan", "nan"))


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in {_BOOL, _INT, _FLOAT}]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(_BOOL, re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF"))
_Loader.add_implicit_resolver(_INT, re.compile(r"^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$"), _NUMBER_STARTS)
_Loader.add_implicit_resolver(
    _FLOAT,
    re.compile(
        r"^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
    ),
    _NUMBER_STARTS,
)
_Loader.add_constructor(_INT, _Loader.construct_whole_number)
_Loader.add_constructor(_FLOAT, _Loader.construct_float)


class Yaml12Source(YamlConfigSettingsSource):
    """Reads settings from a YAML 1.2 file."""

    def _read_file(self, file_path: Path | Traversable) -> dict[str, Any]:
        """Read the file.

        Raises:
            InvalidConfiguration: It is no UTF-8, no YAML, or no mapping of keys.
            SetupError: It cannot be read.
        """
        name = file_path.name
        try:
            content = read_yaml(file_path.read_text(encoding="utf-8"))
        except OSError as error:
            raise SetupError(f"{file_path} cannot be read: {error.strerror}.") from error
        except UnicodeDecodeError as error:
            raise _invalid(name, f"this is not UTF-8: byte {error.start}. Save the file as UTF-8") from error
        except NotYaml as error:
            raise _invalid(f"{name}:{error.line}" if error.line else name, f"this is not YAML: {error.what}") from error
        if content is None:
            return {}
        if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
            raise _invalid(name, "a configuration is a mapping of sections: write keys such as `routes:`")
        return content


def _invalid(where: str, what: str) -> InvalidConfiguration:
    return InvalidConfiguration(Problem(where=where, what=f"{what}."))


class NotYaml(ValueError):
    """A text is no YAML.

    Attributes:
        what: What is wrong.
        line: Where, from 1; zero if no line is at fault.
    """

    def __init__(self, what: str, line: int = 0) -> None:
        super().__init__(f"line {line}: {what}" if line else what)
        self.what, self.line = what, line


def read_yaml(text: str) -> Any:
    """Read YAML 1.2 as plain data.

    Raises:
        NotYaml: It is no YAML, has a key twice, or a tag of another type.
    """
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 (this loader is a SafeLoader)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise NotYaml(str(error.problem or error.context), mark.line + 1 if mark else 0) from error
    except (yaml.YAMLError, ValueError) as error:
        raise NotYaml(str(error).splitlines()[0]) from error
    except RecursionError as error:
        raise NotYaml("it is nested too deeply") from error


def config_file() -> Path | None:
    """Return the file that ``PERDURE_CONFIG`` names, else ``perdure.yaml`` of the project's folder if it exists."""
    if named := os.environ.get(CONFIG_VARIABLE):
        return Path(named)
    folder = project_folder()
    file = DEFAULT_FILE if folder == Path.cwd() else folder / DEFAULT_FILE
    return file if file.exists() else None


def source_position(*location: str | int) -> str:
    """Return ``perdure.yaml:7`` for a key of the configuration; empty if it is not there, or the file is broken now."""
    file = config_file()
    if file is None or not file.is_file():
        return ""
    try:
        root = yaml.compose(file.read_text(encoding="utf-8"), Loader=_Loader)
    except (OSError, yaml.YAMLError, ValueError, RecursionError):  # whoever asks has read it, and it has changed since
        return ""
    found = _find(root, location)
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
