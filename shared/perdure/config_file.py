"""The configuration file is YAML 1.2: there ``on``, a key of every route, is a word; to PyYAML it would be ``true``."""

import os
import re
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic_settings import YamlConfigSettingsSource

__all__ = ["CONFIG_VARIABLE", "Yaml12Source", "config_file"]

CONFIG_VARIABLE: Final = "PERDURE_CONFIG"
_DEFAULT_FILE: Final = Path("perdure.yaml")


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader with the booleans of YAML 1.2's core schema (section 10.3.2)."""


_BOOL = "tag:yaml.org,2002:bool"
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != _BOOL]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(_BOOL, re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF"))


class Yaml12Source(YamlConfigSettingsSource):
    """Reads settings from such a file."""

    def _read_file(self, file_path: Path | Traversable) -> dict[str, Any]:
        return yaml.load(file_path.read_text(encoding="utf-8"), Loader=_Loader) or {}  # noqa: S506 (a safe loader, ours)


def config_file() -> Path | None:
    """Return the file that ``PERDURE_CONFIG`` names, else ``perdure.yaml`` of this folder if there is one."""
    if named := os.environ.get(CONFIG_VARIABLE):
        return Path(named)
    return _DEFAULT_FILE if _DEFAULT_FILE.exists() else None
