"""No field takes infinity or NaN: JSON has neither, and what is written in their place does not fit the schema."""

import importlib
import math
import pkgutil
from collections.abc import Iterator
from typing import Any, get_args

import pytest
from pydantic import BaseModel, ValidationError

import perdure.config
import perdure.contracts


def is_float(annotation: Any) -> bool:
    return annotation is float or any(map(is_float, get_args(annotation)))


def models(base: type[BaseModel] = BaseModel) -> Iterator[type[BaseModel]]:
    for model in base.__subclasses__():
        yield model
        yield from models(model)


def float_fields() -> list[tuple[type[BaseModel], str]]:
    for package in (perdure.config, perdure.contracts):
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)
    own = {it for it in models() if it.__module__.startswith(("perdure.config.", "perdure.contracts."))}
    found = {(model, name) for model in own for name, field in model.model_fields.items() if is_float(field.annotation)}
    return sorted(found, key=str)


FIELDS = float_fields()


@pytest.mark.parametrize("number", [math.inf, -math.inf, math.nan])
@pytest.mark.parametrize(("model", "name"), FIELDS, ids=[f"{model.__name__}.{name}" for model, name in FIELDS])
def test_a_number_is_finite(model: type[BaseModel], name: str, number: float) -> None:
    with pytest.raises(ValidationError) as raised:
        model.model_validate({name: number})

    problems = {it["type"] for it in raised.value.errors() if it["loc"][0] == name}
    assert {it for it in problems if not it.endswith("_type")} == {"finite_number"}  # not other kinds


def test_numbers_are_found() -> None:
    assert {"BackfillRan.rate", "RunOptions.timeout_seconds", "OrchestratorSettings.reconcile_every_seconds"} <= {
        f"{model.__name__}.{name}" for model, name in FIELDS
    }
