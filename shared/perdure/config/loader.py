"""Reads the configuration once, at start, and reports what is wrong in it with its key."""

import os
from pathlib import Path
from typing import Any, Final, get_args

from pydantic import BaseModel, ValidationError
from pydantic_settings import SettingsError

from perdure.config.anchoring import anchored
from perdure.config.instance import INSTANCE_VARIABLE
from perdure.config.problem import InvalidConfiguration, Problem
from perdure.config.project import BUILD_VARIABLE, PREFIX, project_folder
from perdure.config.settings import Settings
from perdure.config.yaml_file import CONFIG_VARIABLE, config_file, source_position
from perdure.errors import SetupError
from perdure.values.nearest import nearest

__all__ = ["load_settings"]

_NO_SETTINGS: Final = {BUILD_VARIABLE, CONFIG_VARIABLE, INSTANCE_VARIABLE}


def load_settings(**overrides: Any) -> Settings:
    """Read the configuration, of this folder or of the nearest parent that has one.

    Relative paths are relative to the folder of the project, those of ``overrides`` to the working folder.

    Args:
        overrides: Values by section; they win over variables and the file.

    Raises:
        InvalidConfiguration: A value is wrong; each problem names its key and line, and the nearest known key.
        SetupError: It cannot be read.
    """
    file = config_file()
    if file is not None and not file.is_file():
        raise SetupError(f"The configuration file {file} does not exist: correct {CONFIG_VARIABLE} or --config.")
    _refuse_unknown_variables()
    here, folder = Path.cwd(), project_folder()
    try:
        if folder == here:
            return Settings(**overrides)
        settings: Settings = anchored(Settings(**anchored(overrides, here)), folder)
    except ValidationError as error:
        where = f"{file} or a {PREFIX} variable" if file else f"A {PREFIX} variable"
        raise InvalidConfiguration(*_problems(error), heading=f"{where} is wrong:") from error
    except SettingsError as error:
        raise _no_json(error) from error
    return settings


def _no_json(error: SettingsError) -> SetupError:
    """Return the error for a variable of a section that pydantic-settings cannot read; it names the section only."""
    section = str(error).partition('"')[2].partition('"')[0]
    variables = sorted(name for name in os.environ if name.split("__")[0] == f"{PREFIX}{section.upper()}")
    return SetupError(
        f"A variable of `{section}` is not JSON: {', '.join(variables)}. Write a list as "
        '["a", "b"] and a section as {"key": "value"}.'
    )


def _refuse_unknown_variables() -> None:
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields} | _NO_SETTINGS
    for name in os.environ:
        if name.startswith(PREFIX) and name.split("__")[0] not in known:
            raise SetupError(f"The variable {name} is unknown{nearest(name, known)}")


def _problems(error: ValidationError) -> list[Problem]:
    problems = []
    for problem in error.errors():
        location, message = problem["loc"], problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            message = f"unknown key{nearest(str(location[-1]), _known_keys(location))}"
        elif problem["type"] == "tuple_type":
            message = "write a list of names, such as [a, b]"
        what = f"{'.'.join(map(str, location))}: {message}"
        problems.append(Problem(where=source_position(*location), what=what))
    return problems


def _known_keys(location: tuple[int | str, ...]) -> set[str]:
    """Return the keys of the section that holds the key at a location."""
    section: type[BaseModel] = Settings
    for name in location[:-1]:
        if isinstance(name, str) and name in section.model_fields:
            section = _section_in(section.model_fields[name].annotation) or section
    return {field.alias or name for name, field in section.model_fields.items()}


def _section_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _section_in(part))), None)
