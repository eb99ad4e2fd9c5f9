"""OpenSLO documents: what is read, and that nothing is read otherwise than it is meant."""

from importlib.resources import files
from typing import Any

import pytest
import yaml

from lab_kit.core.errors import InvalidParameter
from lab_kit.slo.openslo import MOST_CHARS, read_openslo

SHIPPED = files("lab_kit.slo").joinpath("lab_speech.yaml").read_text("utf-8")


def document(**changes: Any) -> str:
    """The first of ours; ``changes`` by a path with ``__`` between its names, None to remove."""
    made = next(iter(yaml.safe_load_all(SHIPPED)))
    for path, value in changes.items():
        *parents, last = path.split("__")
        inner = made
        for name in parents:
            inner = inner[name]
        if value is None:
            del inner[last]
        else:
            inner[last] = value
    return yaml.safe_dump(made)


def test_ours_are_read() -> None:
    found = {one.name: one for one in read_openslo(SHIPPED)}
    assert set(found) == {"final-delay", "first-result", "availability", "keeps-up"}
    final = found["final-delay"]
    assert (final.service, final.target, final.budget) == ("lab-speech", 0.99, 0.01)
    assert final.good == 'sum(rate(lab_final_delay_seconds_bucket{le="0.8"}[{{.window}}]))'
    assert "lab_finals_missing_total" in final.total
    assert final.id == "lab-speech-final-delay"
    assert "0.8 s" in final.description


RATIO = "spec__indicator__spec__ratioMetric"


@pytest.mark.parametrize(
    ("changes", "received", "expected"),
    [
        ({"apiVersion": "openslo/v2"}, "apiVersion 'openslo/v2'", "openslo/v1"),
        ({"kind": "Service"}, "kind 'Service'", "SLO"),
        ({"metadata__name": None}, "without metadata.name", "the field"),
        ({"metadata__name": 7}, "metadata.name 7", "text"),
        ({"spec__service": " "}, "service ' '", "text"),
        ({"spec__budgetingMethod": "Timeslices"}, "Timeslices", "Occurrences"),
        ({"spec__timeWindow": [{"duration": "7d", "isRolling": True}]}, "'7d'", "30d"),
        ({"spec__timeWindow": [{"duration": "30d", "isRolling": False}]}, "False", "true"),
        ({"spec__timeWindow": []}, "timeWindow: []", "a list of one"),
        ({"spec__objectives": [{"target": 0.9}, {"target": 0.99}]}, "objectives", "a list of one"),
        ({"spec__objectives": [{"target": 99}]}, "target 99", "between 0 and 1"),
        ({"spec__objectives": [{"target": 1}]}, "target 1", "no budget"),
        ({"spec__objectives": [{"target": True}]}, "target True", "between 0 and 1"),
        ({"spec__objectives": [{"op": "lte"}]}, "without target", "the field"),
        (
            {"spec__indicator": {"spec": {"thresholdMetric": {}}}},
            "without indicator",
            "ratioMetric",
        ),
        ({f"{RATIO}__counter": False}, "counter False", "true"),
        ({f"{RATIO}__good__metricSource__type": "Datadog"}, "Datadog", "Prometheus"),
        ({f"{RATIO}__good__metricSource__spec__query": "rate(x[5m])"}, "5m", "{{.window}}"),
        ({f"{RATIO}__total": None}, "without total", "the field"),
    ],
)
def test_what_would_mean_something_else_is_refused(
    changes: dict[str, Any], received: str, expected: str
) -> None:
    with pytest.raises(InvalidParameter) as refused:
        read_openslo(document(**changes))
    assert received in refused.value.received
    assert expected in refused.value.expected


@pytest.mark.parametrize(
    ("text", "received"),
    [
        ("a: [", "no YAML"),
        ("", "no document"),
        ("# nothing", "no document"),
        ("- 1", "without apiVersion"),
        ("x" * (MOST_CHARS + 1), "256,001 characters"),
        (f"{document()}\n---\n{document()}", "stands twice"),
        ("!!python/object/apply:os.system [ls]", "no YAML"),
    ],
)
def test_what_is_no_document_is_refused(text: str, received: str) -> None:
    with pytest.raises(InvalidParameter, match=received):
        read_openslo(text)
