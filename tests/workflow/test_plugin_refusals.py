"""What the plugin refuses when it is put together, and what it says."""

from dataclasses import replace
from typing import Any

import pytest
from temporalio.contrib.pydantic import PydanticPayloadConverter, ToJsonOptions, pydantic_data_converter
from temporalio.converter import DataConverter, DefaultFailureConverter
from temporalio.plugin import SimplePlugin
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Replayer, Worker

from perdure.errors import SetupError
from tests.support.plugged import Counting, client, plugin


class OwnFailures(DefaultFailureConverter):
    """A failure converter other than Temporal's."""


class LeavesOutDefaults(PydanticPayloadConverter):
    """Writes JSON without the fields that were not set."""

    def __init__(self) -> None:
        super().__init__(ToJsonOptions(exclude_unset=True))


OWN_CONVERTERS = [
    replace(DataConverter.default, failure_converter_class=OwnFailures),
    replace(pydantic_data_converter, payload_converter_class=LeavesOutDefaults),
]


def worker(environment: WorkflowEnvironment, *plugins: Any, **changes: Any) -> Worker:
    return Worker(client(environment, **changes), task_queue="q", workflows=[Counting], plugins=plugins)


async def test_a_worker_whose_client_has_no_plugin_is_refused(environment: WorkflowEnvironment) -> None:
    with pytest.raises(SetupError, match=r"Client\.connect\(\.\.\., plugins=\[plugin\]\)"):
        worker(environment, plugin(), data_converter=DataConverter.default)


@pytest.mark.parametrize("own", OWN_CONVERTERS)
async def test_a_converter_of_the_authors_own_is_refused_by_client_and_replayer(
    environment: WorkflowEnvironment, own: DataConverter
) -> None:
    with pytest.raises(SetupError, match="data converter"):
        client(environment, data_converter=own, plugins=[plugin()])
    with pytest.raises(SetupError, match="data converter"):
        Replayer(workflows=[Counting], data_converter=own, plugins=[plugin()])


async def test_a_converter_of_an_earlier_plugin_is_refused_and_the_order_named(
    environment: WorkflowEnvironment,
) -> None:
    other = SimplePlugin("other", data_converter=OWN_CONVERTERS[0])

    with pytest.raises(SetupError, match="no plugin before it"):
        client(environment, plugins=[other, plugin()])


async def test_a_later_plugin_that_replaces_the_converter_is_refused_and_the_order_named(
    environment: WorkflowEnvironment,
) -> None:
    other = SimplePlugin("other", data_converter=OWN_CONVERTERS[0])

    with pytest.raises(SetupError, match="last of the plugins"):
        worker(environment, plugins=[plugin(), other])


async def test_the_plugin_is_refused_the_second_time(environment: WorkflowEnvironment) -> None:
    perdure = plugin()

    for second in (perdure, plugin()):
        with pytest.raises(SetupError, match="PerdurePlugin is given twice"):
            client(environment, plugins=[perdure, second])
        with (
            pytest.raises(SetupError, match="PerdurePlugin is given twice"),
            pytest.warns(match="both client and worker"),
        ):
            worker(environment, second, plugins=[perdure])
        with pytest.raises(SetupError, match="PerdurePlugin is given twice"):
            Replayer(workflows=[Counting], plugins=[perdure, second])


async def test_a_worker_in_another_namespace_than_the_orchestrator_is_refused(environment: WorkflowEnvironment) -> None:
    with pytest.raises(SetupError, match=r"namespace team.*`temporal.namespace` is default"):
        worker(environment, namespace="team", plugins=[plugin()])
