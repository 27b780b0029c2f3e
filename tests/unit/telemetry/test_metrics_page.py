"""The page of metrics."""

from prometheus_client import CollectorRegistry, generate_latest

from perdure.telemetry.catalogue import DEAD_LETTERS, METRICS
from perdure.telemetry.metric import MOST_COMBINATIONS
from perdure.telemetry.metrics_of_parts import METRICS_OF_PARTS
from perdure.telemetry.metrics_page import metrics_page
from tests.support.documents import ROOT


def test_the_page_of_metrics_is_up_to_date() -> None:
    page = (ROOT / "docs" / "metrics.md").read_text()

    assert page == metrics_page(), "the metrics have changed: run `make reference`"


def test_each_metric_has_a_name_of_its_own_and_a_meaning_that_is_a_sentence() -> None:
    names = [it.name for it in (*METRICS, *METRICS_OF_PARTS)]

    assert len(names) == len(set(names))
    assert [it.name for it in METRICS if not it.meaning.endswith((".", ")"))] == []
    assert [it.name for it in METRICS if (it.kind == "counter") != it.name.endswith("_total")] == []


def test_a_counter_takes_no_more_combinations_of_labels_than_its_bound() -> None:
    registry = CollectorRegistry()
    counter = DEAD_LETTERS.counter(registry)
    for number in range(MOST_COMBINATIONS + 7):
        counter.add("ingest", f"reason {number}")
    counter.add("ingest", "reason 3")

    text = generate_latest(registry).decode()
    assert 'perdure_dead_letters_total{reason="other",service="other"} 7.0' in text
    assert 'perdure_dead_letters_total{reason="reason 3",service="ingest"} 2.0' in text
    assert text.count("perdure_dead_letters_total{") == MOST_COMBINATIONS + 1
