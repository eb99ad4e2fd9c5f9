"""The dashboard and the configuration in the tree name what a server and its rules really have."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from hang import HANG_S
from prometheus_client.parser import text_string_to_metric_families

from lab_kit.core.ids import StreamIdentity, TenantId
from lab_kit.gateway.observe.metrics import Metrics
from lab_kit.gateway.observe.work import Delivery, Ended, LiveResult, Reached, Work, WorkKind
from lab_kit.slo.openslo import WINDOW, read_openslo

DOCKER = Path(__file__).parents[3] / "docker"
DASHBOARD = json.loads((DOCKER / "grafana/objectives.json").read_text("utf-8"))
RULES = yaml.safe_load((DOCKER / "prometheus/rules.yml").read_text("utf-8"))
NAME = re.compile(r"\b(?:lab_\w+|slo:[\w:]+)")
EDGE = re.compile(r'le="([^"]+)"')


def exposed() -> dict[str, set[str]]:
    """Every series of a server that has served a stream, and the edges of its histograms."""
    metrics = Metrics()
    work = Work(WorkKind.STREAM, StreamIdentity.new(), TenantId("acme"), 1)
    for listener in (metrics, metrics.indicators):
        listener.opened(work)
        listener.delivered(work, Delivery(True, 1.0, 0.1, live=LiveResult(1.0, 0.2)))
        listener.ended(work, Ended(1000, Reached(submitted_s=1.0)))
    text = metrics.exposition()[0].decode()
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, set()).add(sample.labels.get("le", ""))
    return found


def queries() -> Iterator[str]:
    for panel in DASHBOARD["panels"]:
        yield from (target["expr"] for target in panel["targets"])
    for one in read_openslo(
        Path(__file__).parents[3].joinpath("lab_kit/slo/lab_speech.yaml").read_text("utf-8")
    ):
        yield from (one.good.replace(WINDOW, "5m"), one.total.replace(WINDOW, "5m"))


@pytest.mark.parametrize("query", sorted(set(queries())))
def test_every_query_is_of_series_that_are_there(query: str) -> None:
    there = exposed()
    recorded = {rule.get("record") for group in RULES["groups"] for rule in group["rules"]}
    names = NAME.findall(query)
    assert names
    assert [name for name in names if name not in there and name not in recorded] == []
    for edge in EDGE.findall(query):
        assert edge in there[names[0]], "no edge of the histogram, so nothing is ever counted"


def test_panels_say_what_they_show_and_latencies_have_exemplars() -> None:
    assert all(panel["description"] for panel in DASHBOARD["panels"])
    quantiles = [
        target
        for panel in DASHBOARD["panels"]
        for target in panel["targets"]
        if "histogram_quantile" in target["expr"]
    ]
    assert quantiles
    assert all(target["exemplar"] for target in quantiles)
    assert all("avg" not in target["expr"] for target in quantiles)


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed")
def test_promtool_takes_the_configuration() -> None:
    found = subprocess.run(
        ["promtool", "check", "config", str(DOCKER / "prometheus/prometheus.yml")],
        capture_output=True,
        text=True,
        timeout=HANG_S,
        check=False,
    )
    assert found.returncode == 0, found.stderr
