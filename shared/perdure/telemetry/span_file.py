"""Writes spans to disk, so that a trace can be read without a collector."""

import base64
import errno
import fcntl
import json
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import Any, Final

from google.protobuf.json_format import MessageToDict
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

__all__ = ["SpanFileExporter"]

_LIMIT: Final = 64 * 1024 * 1024
_IDS: Final = ("traceId", "spanId", "parentSpanId")
_logger: Final = logging.getLogger(__name__)


class SpanFileExporter(SpanExporter):
    """Appends spans to ``<folder>/<service>.jsonl``: OTLP/JSON, one ``ExportTraceServiceRequest`` a line.

    That is the format of OpenTelemetry's own file exporter
    (https://opentelemetry.io/docs/specs/otel/protocol/file-exporter/), which collectors read. Several processes may
    share a file. Each batch is one write, so a killed process leaves at most one partial line, its last.

    Args:
        folder: Created with the first spans.
        service: Names the file.
        limit_bytes: A file that would exceed this is renamed to ``<service>.jsonl.1``, replacing an earlier one.
    """

    def __init__(self, folder: Path, service: str, *, limit_bytes: int = _LIMIT) -> None:
        self._path = folder / f"{service}.jsonl"
        self._limit_bytes = limit_bytes
        self._is_shut_down = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Write the spans as one line; an I/O error is logged as a warning and not raised."""
        if self._is_shut_down:
            return SpanExportResult.FAILURE
        try:
            self._append(_line(spans))
        except OSError as error:
            _logger.warning("%d spans are not in %s: %s", len(spans), self._path, error)
            return SpanExportResult.FAILURE
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """Refuse further spans; there is nothing to flush or close."""
        self._is_shut_down = True

    def force_flush(self, timeout_millis: int = 30_000) -> bool:  # noqa: ARG002 (the SDK's signature)
        """Return at once: an exported span is already written."""
        return True

    def _append(self, line: bytes) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with _locked(self._path) as file:
            size = os.fstat(file.fileno()).st_size
            if size == 0 or size + len(line) <= self._limit_bytes:
                return _write(file, line, after=size)
            self._path.replace(self._path.with_name(f"{self._path.name}.1"))
        return self._append(line)


def _line(spans: Sequence[ReadableSpan]) -> bytes:
    request = MessageToDict(encode_spans(spans), use_integers_for_enums=True)
    for resource in request.get("resourceSpans", ()):
        for scope in resource["scopeSpans"]:
            for span in scope["spans"]:
                _encode_ids_in_hex(span)
    return json.dumps(request, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _encode_ids_in_hex(span: dict[str, Any]) -> None:
    """Replace the base64 ids of protobuf's JSON by hex ids, which OTLP/JSON requires."""
    for owner in (span, *span.get("links", ())):
        for name in _IDS:
            if name in owner:
                owner[name] = base64.b64decode(owner[name]).hex()


@contextmanager
def _locked(path: Path) -> Iterator[FileIO]:
    """Open a file for appending under an exclusive lock; reopen it if another process has just rotated it."""
    while True:
        with path.open("ab+", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if path.exists() and os.path.samestat(path.stat(), os.fstat(file.fileno())):
                yield file
                return


def _write(file: FileIO, line: bytes, *, after: int) -> None:
    if after and os.pread(file.fileno(), 1, after - 1) != b"\n":
        line = b"\n" + line  # a process was killed in the middle of a line: keep this line apart from it
    if file.write(line) != len(line):
        raise OSError(errno.ENOSPC, "only a part of the line was written")
