"""MCP servers as people meet them: odd schemas and names, slow calls, broken neighbours, rotated keys."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic_ai.tools import ToolDefinition
from temporalio.exceptions import ApplicationError

from perdure.config.settings import HttpServer, StdioServer
from perdure.errors import Unavailable
from perdure.flow.messages import ToolRequest, ToolResult
from perdure_orchestrator.agents.model_tools import ModelTools, object_schema
from perdure_orchestrator.agents.tool_arguments import WrongArguments, bind_tool_arguments
from perdure_orchestrator.agents.tool_server import ToolRefused
from perdure_orchestrator.agents.tool_servers import ToolServers
from tests.support.messages import json_values
from tests.support.odd_servers import odd
from tests.support.secret_file import write_secret
from tests.support.session_server import serving

ID, NAME = ({"type": "object", "properties": {it: {"type": "string"}}, "required": [it]} for it in ("id", "name"))
FREE: list[dict[str, Any]] = [
    {},
    {"type": "object"},
    {"type": "object", "properties": {}},
    {"type": "object", "additionalProperties": {}},
    {"type": "object", "properties": {"id": {}}, "additionalProperties": {"type": "string"}},
    {"type": "object", "patternProperties": {"^(a+)+$": {}}},
]
CHOICES: list[dict[str, Any]] = [
    {"oneOf": [ID, NAME]},
    {"anyOf": [ID, NAME]},
    {"$ref": "#/$defs/A", "$defs": {"A": {"type": "object", "properties": {"id": {}, "name": {}}}}},
    {"oneOf": [{"$ref": "#/$defs/A"}, NAME], "$defs": {"A": ID}},
    {"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/B"}, "B": {"properties": {"id": {}, "name": {}}}}},
]
TEXT = {"content": [{"type": "text", "text": "ok"}]}

Serve = Callable[..., ToolServers]


def tool(name: str, result: dict[str, Any] = TEXT, **more: Any) -> dict[str, Any]:
    return {"name": name, "inputSchema": {"type": "object"}, "result": result, **more}


@pytest_asyncio.fixture
async def serve(tmp_path: Path) -> AsyncIterator[Serve]:
    opened: list[ToolServers] = []

    def serve(**servers: Any) -> ToolServers:
        opened.append(ToolServers(servers, tmp_path / "folders"))
        return opened[-1]

    yield serve
    for servers in opened:
        await servers.close()


async def call(servers: ToolServers, names: tuple[str, ...], name: str, **arguments: Any) -> ToolResult:
    server, found = await servers.find(names, name)
    return await server.call(
        ToolRequest(servers=names, tool=name, arguments=arguments), found.name, idempotency_key="k"
    )


@pytest.mark.parametrize("schema", [*FREE, *CHOICES], ids=json.dumps)
def test_what_a_schema_does_not_forbid_reaches_the_server(schema: dict[str, Any]) -> None:
    assert bind_tool_arguments("query", schema, {"id": "7"}) == {"id": "7"}


@pytest.mark.parametrize("schema", [{"properties": {"path": {}}}, *CHOICES[:4], {"additionalProperties": False}])
def test_a_typo_is_named_where_parameters_are_listed(schema: dict[str, Any]) -> None:
    with pytest.raises(WrongArguments, match="query has no parameter pathh"):
        bind_tool_arguments("query", schema, {"pathh": "7"})


@pytest.mark.parametrize("schema", [*FREE, *CHOICES], ids=json.dumps)
def test_a_provider_gets_an_object_with_properties_and_no_choice_at_its_top(schema: dict[str, Any]) -> None:
    shown = object_schema(schema)

    assert (shown["type"], isinstance(shown["properties"], dict)) == ("object", True)
    assert shown.keys().isdisjoint({"oneOf", "anyOf", "allOf", "$ref"})
    assert set(shown["required"]) <= set(shown["properties"])
    assert schema not in CHOICES or shown["properties"].keys() == {"id", "name"}


WORDS = st.sampled_from(["type", "properties", "$ref", "oneOf", "anyOf", "allOf", "required", "$defs", "enum", "x"])
REFERENCES = st.sampled_from(["#", "#/oneOf", "#/$defs/x", "#/$defs", "http://h/s"])
schemas = st.recursive(
    json_values | REFERENCES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4)
)


@given(st.dictionaries(WORDS, schemas))
@example({"oneOf": [{"$ref": "#"}, {"allOf": [{"$ref": "#"}]}]})
def test_no_schema_breaks_the_others(schema: dict[str, Any]) -> None:
    shown = object_schema(schema)

    assert (shown["type"], isinstance(shown["properties"], dict)) == ("object", True)
    assert shown.keys().isdisjoint({"oneOf", "anyOf", "allOf"})
    assert json.dumps(shown)


def test_names_that_a_provider_refuses_are_replaced_and_translated_back() -> None:
    names = ["fs.read", "files/read", "x" * 70, "fs_read", "größe", "fine-1"]
    tools = ModelTools(ToolDefinition(name=name, parameters_json_schema={}) for name in names)

    shown = [tool.name for tool in tools.definitions]
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", name) for name in shown)
    assert len(set(shown)) == len(names)
    assert [tools.own_name(name) for name in shown] == names
    assert {"fs_read", "fine-1"} < set(shown)


async def test_structured_content_without_text_is_its_json(serve: Serve) -> None:
    servers = serve(odd=odd(tool("answer", {"content": [], "structuredContent": {"answer": 42}})))

    found = await call(servers, ("odd",), "answer")

    assert (json.loads(found.text), found.structured) == ({"answer": 42}, {"answer": 42})


async def test_a_name_that_two_servers_have_is_never_called_by_chance(serve: Serve) -> None:
    servers = serve(
        a=odd(tool("search"), tool("only_a")), b=odd(tool("search", {"content": [{"type": "text", "text": "b"}]}))
    )

    for names in (("a", "b"), ("b", "a")):
        with pytest.raises(ToolRefused, match=r"Several servers offer search: call [ab]__search or [ab]__search"):
            await call(servers, names, "search")
        assert [(await call(servers, names, f"{it}__search")).text for it in "ab"] == ["ok", "b"]
        assert (await call(servers, names, "only_a")).text == "ok"
    assert (await call(servers, ("b",), "search")).text == "b"


async def test_a_broken_server_hides_no_tool_of_a_healthy_one(serve: Serve) -> None:
    broken = StdioServer(command="/bin/sh", args=("-c", "echo no licence for this host >&2; exit 3"))
    servers = serve(healthy=odd(tool("read")), broken=broken)

    assert (await call(servers, ("broken", "healthy"), "read")).text == "ok"
    with pytest.raises(Unavailable, match=r"broken does not start: .*no licence for this host"):
        await call(servers, ("broken", "healthy"), "write")


async def test_a_slow_call_ends_no_other_call_of_its_server(serve: Serve, tmp_path: Path) -> None:
    log, done = tmp_path / "calls", tmp_path / "done"
    slow, append = tool("slow", until=str(tmp_path / "never")), tool("append", until=str(done), log=str(log))
    servers = serve(odd=odd(slow, append, call_timeout=timedelta(seconds=6)))

    timed_out = asyncio.create_task(call(servers, ("odd",), "slow"))
    await asyncio.sleep(3)  # the other call has so much time left when this one is over
    appending = asyncio.create_task(call(servers, ("odd",), "append", n=1))
    with pytest.raises(Unavailable, match="slow"):
        await timed_out
    done.touch()

    assert (await appending).text == "ok"
    assert log.read_text().splitlines() == ['{"n": 1}']


async def test_a_token_that_was_rotated_is_read_and_the_call_goes_through(serve: Serve, tmp_path: Path) -> None:
    token = tmp_path / "token"
    write_secret(token, "old")
    with serving() as server:
        servers = serve(legacy=HttpServer(url=server.url, token_file=token))
        await call(servers, ("legacy",), "note_key")
        token.write_text("new")
        server.accepts = "Bearer new"
        await call(servers, ("legacy",), "note_key")

    assert server.tokens == {"Bearer old", "Bearer new"}


OAUTH = {"token_type": "Bearer", "expires_in": 3600, "refresh_token": "for-the-agent-alone"}


@pytest.mark.parametrize("closed", [401, 403])
async def test_a_token_in_an_oauth_file_is_read_again_when_it_has_expired(
    serve: Serve, tmp_path: Path, closed: int
) -> None:
    token = tmp_path / "token.json"
    write_secret(token, json.dumps({"access_token": "first", **OAUTH}))
    with serving() as server:
        server.accepts, server.refusal = "Bearer first", closed
        servers = serve(legacy=HttpServer(url=server.url, token_file=token))
        await call(servers, ("legacy",), "note_key")
        server.accepts = "Bearer second"
        with pytest.raises(ApplicationError, match=rf"it answers HTTP {closed}"):
            await call(servers, ("legacy",), "note_key")  # nothing has renewed the file yet
        token.write_text(json.dumps({"access_token": "second", **OAUTH}, indent=2))
        await asyncio.gather(*(call(servers, ("legacy",), "note_key") for _ in range(3)))

    assert server.tokens == {"Bearer first", "Bearer second"}


@pytest.mark.parametrize("content", ["{", "{}", '{"access_token": null}', '{"access_token": ""}', '{"token": "x"}'])
async def test_a_token_file_without_a_token_is_named_without_its_content(
    serve: Serve, tmp_path: Path, content: str
) -> None:
    write_secret(tmp_path / "token.json", content)
    servers = serve(legacy=HttpServer(url="http://127.0.0.1:1/mcp", token_file=tmp_path / "token.json"))

    with pytest.raises(ApplicationError, match="token is JSON without a text access_token") as refused:
        await call(servers, ("legacy",), "note_key")

    assert refused.value.non_retryable


async def test_a_server_gets_headers_from_the_configuration_files_and_variables(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_secret(tmp_path / "key", "from-a-file\n")
    monkeypatch.setenv("ACCESS", "token from-a-variable")
    with serving() as server:
        headers = {"X-Tenant": "7"}
        files, variables = {"X-API-Key": tmp_path / "key"}, {"Authorization": "ACCESS"}
        config = HttpServer(url=server.url, headers=headers, header_files=files, header_variables=variables)
        servers = serve(legacy=config)
        server.failures = [(200, {"result": {"content": [{"type": "text", "text": "7, from-a-file"}]}})]
        answer = await call(servers, ("legacy",), "note_key")

    got = server.headers[-1]
    assert (got["X-Tenant"], got["X-API-Key"], got["Authorization"]) == ("7", "from-a-file", "token from-a-variable")
    assert answer.text == "7, ***"


async def test_a_server_of_the_old_transport_is_named_as_such(serve: Serve) -> None:
    with serving() as server:
        server.closed = 405
        with pytest.raises(ApplicationError, match=r"old SSE transport.*streamable HTTP url") as refused:
            await call(serve(old=HttpServer(url=server.url)), ("old",), "anything")

    assert refused.value.non_retryable


@pytest.mark.parametrize(
    ("variable", "value", "hidden"),
    [
        *((name, "production", True) for name in ("GITHUB_PAT", "DATABASE_URL", "AWS_ACCESS_KEY_ID", "GITHUB_TOKEN")),
        *(("SORT_KEY", "by", False), ("LC_ALL", "production", False), ("TZ", "production", False)),
    ],
)
async def test_what_a_server_got_as_a_key_is_masked_in_what_it_returns(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, *, hidden: bool
) -> None:
    monkeypatch.setenv(variable, value)
    monkeypatch.setenv("PRIMARY_KEY_COLUMN", "customer_id")
    text = "deployed to production by customer_id"
    servers = serve(odd=odd(tool("deploy", {"content": [{"type": "text", "text": text}]}), env_from=(variable,)))

    answer = await call(servers, ("odd",), "deploy")

    assert answer.text == ("deployed to *** by customer_id" if hidden else text)


ODD_SCHEMAS: list[Any] = [
    *({}, {"type": ["object", "null"]}, {"type": "string"}, {"properties": []}, {"oneOf": [ID, NAME]}, [], "x", None),
    *({"type": "object", "required": "all"}, {"type": "object", "properties": {"x": {"type": "strange"}}}, True),
    *({"properties": {"x": None}}, {"properties": {"x": True}}, {"properties": {"x": ["string"], "y": {}}}),
]


@pytest.mark.parametrize("schema", ODD_SCHEMAS, ids=json.dumps)
async def test_one_odd_schema_hides_no_other_tool(serve: Serve, schema: Any) -> None:
    servers = serve(odd=odd(tool("odd") | {"inputSchema": schema}, tool("fine"), {**tool("x"), "name": 7}))

    assert [*(await servers.offers(("odd",))).tools] == ["odd", "fine"]
    assert (await call(servers, ("odd",), "odd")).text == "ok"


BAD_RESULTS: list[Any] = [
    {"content": "ok"},
    {"content": [{"type": "text"}]},
    {"content": [{"type": "video", "data": "x"}]},
    {"content": [], "isError": "yes please"},
    {"content": None},
    {"content": [], "structuredContent": {"answer": "no number"}},
]


@pytest.mark.parametrize("result", BAD_RESULTS, ids=json.dumps)
async def test_what_is_no_result_is_refused_once_and_in_one_line(serve: Serve, tmp_path: Path, result: Any) -> None:
    output = {"outputSchema": {"type": "object", "properties": {"answer": {"type": "integer"}}}}
    log = tmp_path / "calls"
    servers = serve(odd=odd(tool("odd", result, log=str(log)) | output, tool("fine")))

    with pytest.raises(ToolRefused, match="odd answered odd with what is no result: ") as refused:
        await call(servers, ("odd",), "odd")

    assert "\n" not in str(refused.value)
    assert len(log.read_text().splitlines()) == 1
    assert (await call(servers, ("odd",), "fine")).text == "ok"
