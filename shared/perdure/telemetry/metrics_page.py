"""The page of all metrics in Markdown, ``python -m perdure.telemetry.metrics_page``; ``make reference`` writes it."""

import sys
from collections.abc import Iterable, Iterator
from typing import Final, get_args

from perdure.telemetry.catalogue import METRICS
from perdure.telemetry.metric import MOST_COMBINATIONS, OTHER, Metric, Service
from perdure.telemetry.metrics_of_parts import METRICS_OF_PARTS

__all__ = ["metrics_page"]

_HEAD: Final = f"""\
# Metrics

Made by `make reference` from the code: change the meanings there. Each service answers `GET /metrics` on its own port,
in the format of Prometheus. What is looked up for it, such as the state of a stream, is left out while it cannot be
read, and `perdure_metric_source_up` is 0 then. Several processes of a service show the same state of what they share:
take the `max` of gauges, the `sum` of counters. Names that users choose are labels: a counter has at most
{MOST_COMBINATIONS} combinations of them, all others count as `{OTHER}`.
"""
_PARTS: Final = """
## Metrics of the parts

The orchestrator also shows all metrics of [Temporal's SDK](https://docs.temporal.io/references/sdk-metrics), with
`_total` and `_seconds`; all services show `process_*`. These are used by the [alert rules](alerts.md) or worth a look:
"""


def metrics_page() -> str:
    """Return the whole page."""
    own = [it for it in METRICS if it.name.startswith("perdure_")]
    jetstream = [it for it in METRICS if it not in own]
    parts = [
        _HEAD,
        "\n## Metrics of Perdure\n\n",
        *_table(own),
        "\n## State of JetStream\n\nThe names are those of `prometheus-nats-exporter`, so that its dashboards fit.\n\n",
        *_table(jetstream),
        _PARTS,
        "\n",
        *_table(METRICS_OF_PARTS),
    ]
    return "".join(parts)


def _table(metrics: Iterable[Metric]) -> Iterator[str]:
    yield "| metric | type | labels | service | meaning |\n| --- | --- | --- | --- | --- |\n"
    for it in metrics:
        labels = ", ".join(f"`{label}`" for label in it.labels)
        services = "all" if set(it.services) == set(get_args(Service)) else ", ".join(it.services)
        yield f"| `{it.name}` | {it.kind} | {labels} | {services} | {it.meaning} |\n"


if __name__ == "__main__":
    sys.stdout.write(metrics_page())
