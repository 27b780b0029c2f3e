"""``perdure admin temporal provision`` registers at a Temporal of the user's own what the routes give their runs."""

import asyncio
from pathlib import Path

import pytest
import yaml
from temporalio.testing import WorkflowEnvironment

from perdure.connections.search_attributes import register_attributes, registered_attributes
from tests.support.command_line import perdure
from tests.support.ports import free_port

pytestmark = pytest.mark.asyncio(loop_scope="session")


def configure(folder: Path, where: str) -> None:
    host, _, port = where.rpartition(":")
    route = {"on": "order.placed", "start": "Order", "attributes": {"CustomerId": "data.c", "Amount": "double(data.a)"}}
    configuration = {"execution_engine": "temporal", "temporal": {"host": host, "port": int(port)}, "routes": [route]}
    (folder / "perdure.yaml").write_text(yaml.safe_dump(configuration))


async def test_it_registers_what_is_missing_and_says_so(real_server: WorkflowEnvironment, tmp_path: Path) -> None:
    configure(tmp_path, real_server.client.service_client.config.target_host)
    await register_attributes(real_server.client, {"CustomerId": "keyword"})

    twice = [await asyncio.to_thread(perdure, tmp_path, "admin", "temporal", "provision") for _ in range(2)]

    expected = (
        "Temporal has the search attributes PerdureEventId (keyword), PerdureRoute (keyword), PerdureKey (keyword), "
        "Amount (double), CustomerId (keyword).\n"
    )
    assert [(ended.returncode, ended.stdout) for ended in twice] == [(0, expected)] * 2
    registered = await registered_attributes(real_server.client)
    assert (registered["Amount"], registered["PerdureRoute"]) == ("double", "keyword")


async def test_a_name_with_another_type_and_too_many_of_a_type_are_sentences(
    real_server: WorkflowEnvironment, tmp_path: Path
) -> None:
    configure(tmp_path, real_server.client.service_client.config.target_host)
    await register_attributes(
        real_server.client, {"CustomerId": "int", "One": "double", "Two": "double", "Six": "double"}
    )

    ended = await asyncio.to_thread(perdure, tmp_path, "admin", "temporal", "provision")

    assert ended.returncode == 1
    assert "The search attribute CustomerId is registered in the namespace default as int" in ended.stderr
    assert "Temporal does not register the search attribute Amount: Unable to create" in ended.stderr


async def test_a_temporal_that_does_not_answer_is_a_sentence(tmp_path: Path) -> None:
    configure(tmp_path, f"127.0.0.1:{free_port()}")

    ended = await asyncio.to_thread(perdure, tmp_path, "admin", "temporal", "provision")

    assert ended.returncode == 1
    assert "Temporal does not answer at 127.0.0.1:" in ended.stderr
