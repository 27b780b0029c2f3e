"""Stand-in until the real one lands."""

from opentelemetry.sdk.trace.export import ConsoleSpanExporter


def SpanFileExporter(folder, service):
    folder.mkdir(parents=True, exist_ok=True)
    return ConsoleSpanExporter(out=open(folder / f"{service}.txt", "a"))
