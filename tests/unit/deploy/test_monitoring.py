"""Monitoring: the collector, Prometheus and Grafana."""

import json
import re
from typing import Any

from perdure.local.services import SERVICES
from perdure.telemetry.catalogue import METRICS
from tests.support.deploy_files import DEPLOY, PORTS, read


def test_every_pipeline_of_the_collector_is_made_of_declared_parts() -> None:
    collector = read(DEPLOY / "otel/collector.yaml")

    for pipeline in collector["service"]["pipelines"].values():
        for kind, parts in pipeline.items():
            assert set(parts) <= set(collector[kind])


def test_prometheus_and_the_collector_scrape_every_service_of_compose() -> None:
    services = {f"{name}:{PORTS[name]}" for name in SERVICES}

    assert targets(read(DEPLOY / "prometheus/prometheus.yml")) == services
    assert targets(read(DEPLOY / "otel/collector.yaml")["receivers"]["prometheus"]["config"]) == services


def targets(configuration: Any) -> set[str]:
    configs = [config for job in configuration["scrape_configs"] for config in job["static_configs"]]
    return {target for config in configs for target in config["targets"]}


def test_the_dashboard_queries_only_metrics_of_the_services() -> None:
    exposed = {sample for metric in METRICS for sample in metric.samples}
    panels = json.loads((DEPLOY / "grafana/dashboards/perdure.json").read_text())["panels"]
    (source,) = read(DEPLOY / "grafana/provisioning/datasources/prometheus.yml")["datasources"]
    queries = " ".join(target["expr"] for panel in panels for target in panel["targets"])

    assert set(re.findall(r"perdure_\w+", queries)) <= exposed
    assert {panel["datasource"]["uid"] for panel in panels} == {source["uid"]}
    assert len({panel["id"] for panel in panels}) == len(panels)
