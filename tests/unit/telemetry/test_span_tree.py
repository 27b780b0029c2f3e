from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import Link, Span, Status, StatusCode, Tracer, format_span_id, format_trace_id
from opentelemetry.util.types import AttributeValue

from perdure.telemetry.span_file import SpanFileExporter
from perdure.telemetry.span_tree import MISSING_PARENT, SpanLink, SpanNode, build_tree, find_traces, read_spans

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def tracer(folder: Path, service: str) -> Tracer:
    provider = TracerProvider(resource=Resource({"service.name": service}), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(SpanFileExporter(folder, service)))
    return provider.get_tracer("test")


def trace_id(span: Span) -> str:
    return format_trace_id(span.get_span_context().trace_id)


def node(span_id: str, parent_id: str = "", *, second: int = 0) -> SpanNode:
    start = NOON + timedelta(seconds=second)
    return SpanNode("t", span_id, parent_id, f"span {span_id}", "s", start, start + timedelta(seconds=1))


def flat(roots: tuple[SpanNode, ...]) -> list[SpanNode]:
    found = list(roots)
    for span in found:
        found.extend(span.children)
    return found


def test_a_trace_is_assembled_from_the_files_of_all_services(tmp_path: Path) -> None:
    ingest, orchestrator = tracer(tmp_path, "ingest"), tracer(tmp_path, "orchestrator")
    with ingest.start_as_current_span("accept") as root, orchestrator.start_as_current_span("run"):
        orchestrator.start_span("step").end()
    ingest.start_span("of another trace").end()

    [tree] = build_tree(read_spans(tmp_path, trace_id(root)))

    assert (tree.name, tree.service) == ("accept", "ingest")
    assert [(child.name, child.service) for child in tree.children] == [("run", "orchestrator")]
    assert [child.name for child in tree.children[0].children] == ["step"]
    assert tree.duration >= tree.children[0].duration


def test_written_attributes_status_and_links_are_read_back(tmp_path: Path) -> None:
    target = tracer(tmp_path, "s").start_span("target")
    attributes: dict[str, AttributeValue] = {"text": "é", "whole": 7, "part": 0.5, "flag": True, "list": ("a", "b")}
    span = tracer(tmp_path, "s").start_span("step", attributes=attributes, links=[Link(target.get_span_context())])
    span.set_status(Status(StatusCode.ERROR, "it broke"))
    span.end()

    [read] = read_spans(tmp_path, trace_id(span))

    assert read.attributes == attributes
    assert (read.status, read.message) == ("error", "it broke")
    assert read.links == (SpanLink(trace_id(target), format_span_id(target.get_span_context().span_id)),)


def test_traces_are_found_by_an_attribute_newest_first(tmp_path: Path) -> None:
    writer = tracer(tmp_path, "s")
    found = []
    for workflow_id in ("a", "b", "a"):
        with writer.start_as_current_span("event") as root:
            writer.start_span("run", attributes={"perdure.workflow_id": workflow_id}).end()
        found.append(trace_id(root))

    assert find_traces(tmp_path, "perdure.workflow_id", "a") == [found[2], found[0]]
    assert find_traces(tmp_path, "perdure.workflow_id", "c") == []


def test_a_folder_without_files_has_no_spans(tmp_path: Path) -> None:
    assert read_spans(tmp_path / "never made", "0" * 32) == []


def test_children_of_a_missing_parent_share_a_placeholder() -> None:
    roots = build_tree([node("c", "gone", second=2), node("b", "gone", second=1), node("a", second=0)])

    assert [root.name for root in roots] == ["span a", MISSING_PARENT]
    assert roots[1].span_id == "gone"
    assert [child.span_id for child in roots[1].children] == ["b", "c"]
    assert (roots[1].start, roots[1].end) == (NOON + timedelta(seconds=1), NOON + timedelta(seconds=3))


def test_a_chain_deeper_than_pythons_stack_becomes_a_tree() -> None:
    chain = [node("0"), *(node(str(number), str(number - 1)) for number in range(1, 5_000))]

    assert len(flat(build_tree(chain))) == 5_000


@given(st.lists(st.tuples(st.integers(0, 99), st.integers(0, 5)), max_size=30))
def test_every_span_is_in_the_tree_exactly_once(drawn: list[tuple[int, int]]) -> None:
    # A span's parent is an earlier span, none, or an unknown one.
    spans = [
        node(str(number), ["", "gone", str(parent % number)][parent % 3] if number else "", second=second)
        for number, (parent, second) in enumerate(drawn)
    ]

    placed = flat(build_tree(spans))

    assert sorted(span.span_id for span in placed if span.name != MISSING_PARENT) == sorted(s.span_id for s in spans)
    assert all([*span.children] == sorted(span.children, key=lambda child: child.start) for span in placed)
