"""Spans leave a process by OpenTelemetry's variables, and a collector that is away holds up nobody."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from typing import Any

import grpc  # type: ignore[import-untyped]  # it has no types
import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

from perdure.errors import SetupError
from perdure.telemetry.tracing import tracing

PROGRAM = """
import time
from opentelemetry import trace
from perdure.telemetry.tracing import tracing

with tracing("ingest", folder=None):
    began = time.monotonic()
    for number in range(3000):
        with trace.get_tracer("test").start_as_current_span(f"span {number}"):
            pass
    spans = time.monotonic()
print(spans - began, time.monotonic() - spans)
"""


def run(**variables: str) -> list[float]:
    """Run a process that makes spans; return the seconds for these and for its end."""
    environment = {**os.environ, **variables}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [float(it) for it in done.stdout.split()]


class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    """Keeps the names of the spans that it gets."""

    def __init__(self) -> None:
        self.spans: list[str] = []

    def Export(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802 (gRPC's names)
        found = (scope.spans for resource in request.resource_spans for scope in resource.scope_spans)
        self.spans += [span.name for spans in found for span in spans]
        return trace_service_pb2.ExportTraceServiceResponse()


@contextmanager
def collector() -> Iterator[tuple[Collector, str]]:
    """Run a collector that speaks gRPC."""
    server, kept = grpc.server(futures.ThreadPoolExecutor(2)), Collector()
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(kept, server)  # type: ignore[no-untyped-call]
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield kept, f"http://127.0.0.1:{port}"
    finally:
        server.stop(None).wait()


def test_grpc_is_spoken_where_the_variable_says_so() -> None:
    with collector() as (kept, url):
        run(OTEL_EXPORTER_OTLP_ENDPOINT=url, OTEL_EXPORTER_OTLP_PROTOCOL="grpc")

    assert "span 2999" in kept.spans


def test_the_sampler_is_that_of_the_variables() -> None:
    with collector() as (kept, url):
        run(OTEL_EXPORTER_OTLP_ENDPOINT=url, OTEL_EXPORTER_OTLP_PROTOCOL="grpc", OTEL_TRACES_SAMPLER="always_off")

    assert kept.spans == []


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_a_collector_that_is_away_holds_up_neither_work_nor_the_end(protocol: str) -> None:
    work, end = run(OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9", OTEL_EXPORTER_OTLP_PROTOCOL=protocol)

    assert work < 10  # the exporter alone would try for longer
    assert end < 10


def test_a_protocol_that_nobody_speaks_is_an_error_that_names_those_that_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "carrier-pigeon")

    with pytest.raises(SetupError, match=r"carrier-pigeon: write `http/protobuf` or `grpc`"), tracing("t", folder=None):
        time.sleep(0)
