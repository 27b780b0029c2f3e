"""The configuration is read once, at start, and what is wrong in it is told with its key."""

import os
from difflib import get_close_matches
from typing import Any, Final, get_args

from pydantic import BaseModel, ValidationError
from yaml import YAMLError

from perdure.config.settings import PREFIX, Settings
from perdure.config.yaml_file import CONFIG_VARIABLE, config_file, source_position
from perdure.errors import SetupError

__all__ = ["load_settings"]

_NO_SETTINGS: Final = {CONFIG_VARIABLE}


def load_settings(**overrides: Any) -> Settings:
    """Read the configuration.

    Raises:
        SetupError: It cannot be read; the sentence names the key and the nearest right one.
    """
    file = config_file()
    if file is not None and not file.is_file():
        raise SetupError(f"The configuration file {file} does not exist: mend {CONFIG_VARIABLE} or --config.")
    _refuse_unknown_variables()
    try:
        return Settings(**overrides)
    except ValidationError as error:
        where = f"{file} or a {PREFIX} variable" if file else f"A {PREFIX} variable"
        raise SetupError("\n  ".join([f"{where} is wrong:", *_problems(error)])) from error
    except YAMLError as error:
        raise SetupError(f"{file} is not YAML: {error}") from error


def _refuse_unknown_variables() -> None:
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields} | _NO_SETTINGS
    for name in os.environ:
        if name.startswith(PREFIX) and name.split("__")[0] not in known:
            raise SetupError(f"The variable {name} is unknown{_nearest(name, known)}")


def _problems(error: ValidationError) -> list[str]:
    problems = []
    for problem in error.errors():
        location = problem["loc"]
        what = problem["msg"]
        if problem["type"] == "extra_forbidden":
            what = f"unknown key{_nearest(str(location[-1]), _keys_beside(location))}"
        problems.append(f"{source_position(*location)}{'.'.join(map(str, location))}: {what}")
    return problems


def _keys_beside(location: tuple[int | str, ...]) -> set[str]:
    """Walk from the root to the section that holds the key, and return the keys it knows."""
    section: type[BaseModel] = Settings
    for name in location[:-1]:
        if isinstance(name, str) and name in section.model_fields:
            section = _section_in(section.model_fields[name].annotation) or section
    return {field.alias or name for name, field in section.model_fields.items()}


def _section_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _section_in(part))), None)


def _nearest(name: str, known: set[str]) -> str:
    near = get_close_matches(name, known, n=1)
    return f": did you mean {near[0]}?" if near else f"; known are {', '.join(sorted(known))}"
