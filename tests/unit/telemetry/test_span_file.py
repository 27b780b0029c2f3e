import json
import logging
import multiprocessing
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Link, SpanKind, format_span_id, format_trace_id

from perdure.telemetry.span_file import SpanFileExporter
from perdure.telemetry.span_tree import read_spans


def spans(*names: str) -> list[ReadableSpan]:
    kept = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource({"service.name": "ingest"}), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    for name in names:
        with provider.get_tracer("test").start_as_current_span(name, kind=SpanKind.CONSUMER, attributes={"n": 7}):
            pass
    return list(kept.get_finished_spans())


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_batch_is_one_line_of_otlp_json(tmp_path: Path) -> None:
    first, second = spans("one", "two")

    assert SpanFileExporter(tmp_path / "traces", "ingest").export([first, second]) is SpanExportResult.SUCCESS

    [line] = lines(tmp_path / "traces" / "ingest.jsonl")
    written = line["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert [span["name"] for span in written] == ["one", "two"]
    assert written[0]["traceId"] == format_trace_id(first.context.trace_id)
    assert written[0]["spanId"] == format_span_id(first.context.span_id)
    assert written[0]["kind"] == 5
    assert written[0]["startTimeUnixNano"] == str(first.start_time)
    assert written[0]["attributes"] == [{"key": "n", "value": {"intValue": "7"}}]


def test_the_ids_of_links_are_hex_too(tmp_path: Path) -> None:
    [target] = spans("target")
    kept = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    provider.get_tracer("test").start_span("linking", links=[Link(target.context)]).end()

    SpanFileExporter(tmp_path, "s").export(kept.get_finished_spans())

    [link] = lines(tmp_path / "s.jsonl")[0]["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["links"]
    assert link["traceId"] == format_trace_id(target.context.trace_id)
    assert link["spanId"] == format_span_id(target.context.span_id)


def test_a_partial_line_does_not_corrupt_the_next(tmp_path: Path) -> None:
    [span] = spans("survivor")
    path = tmp_path / "s.jsonl"
    path.write_text('{"resourceSpans":[{"scope')

    SpanFileExporter(tmp_path, "s").export([span])

    [read] = read_spans(tmp_path, format_trace_id(span.context.trace_id))
    assert read.name == "survivor"


def test_a_file_that_would_exceed_its_limit_is_rotated_once(tmp_path: Path) -> None:
    exporter = SpanFileExporter(tmp_path, "s", limit_bytes=1)
    batches = [spans(name) for name in ("one", "two", "three")]

    for batch in batches:
        exporter.export(batch)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["s.jsonl", "s.jsonl.1"]
    names = [read_spans(tmp_path, format_trace_id(batch[0].context.trace_id)) for batch in batches]
    assert [[span.name for span in found] for found in names] == [[], ["two"], ["three"]]


def export_many(folder: Path, limit: int) -> None:
    exporter = SpanFileExporter(folder, "shared", limit_bytes=limit)
    for span in spans(*(str(number) for number in range(100))):
        exporter.export([span])


@pytest.mark.parametrize("limit", [10_000_000, 100_000])  # the smaller one is reached once
def test_processes_that_share_a_file_write_whole_lines(tmp_path: Path, limit: int) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=export_many, args=(tmp_path, limit)) for _ in range(3)]

    for process in processes:
        process.start()
    for process in processes:
        process.join()

    written = [line for path in tmp_path.iterdir() for line in lines(path)]
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert len(written) == 300


def test_an_io_error_is_logged_and_not_raised(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "s.jsonl").mkdir()

    with caplog.at_level(logging.WARNING):
        result = SpanFileExporter(tmp_path, "s").export(spans("lost"))

    assert result is SpanExportResult.FAILURE
    assert "1 spans are not in" in caplog.text


def test_nothing_is_written_after_shutdown(tmp_path: Path) -> None:
    exporter = SpanFileExporter(tmp_path, "s")
    exporter.shutdown()

    assert exporter.export(spans("late")) is SpanExportResult.FAILURE
    assert exporter.force_flush()
    assert list(tmp_path.iterdir()) == []
