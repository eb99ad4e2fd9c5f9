"""Reads a server's own counters, as Prometheus does, and counts an objective's events in them."""

import time
from collections.abc import Sequence

import httpx
from prometheus_client.parser import text_string_to_metric_families

from lab_kit.core.errors import ConnectionFailed
from lab_kit.slo.burn import Count
from lab_kit.slo.objective import Objective
from lab_kit.slo.terms import Sample, read_terms, value_of

_ANSWER_S = 5.0


async def scrape(url: str) -> tuple[Sample, ...]:
    """Everything that a server has measured, now.

    Raises:
        ConnectionFailed: it does not answer.
    """
    try:
        async with httpx.AsyncClient(base_url=url, timeout=_ANSWER_S, trust_env=False) as asking:
            answer = (await asking.get("/metrics")).raise_for_status()
    except httpx.HTTPError as error:
        raise ConnectionFailed(
            f"no metrics from {url} ({error!r})", "a running server", "start it again"
        ) from error
    return tuple(
        Sample(one.name, one.labels, one.value)
        for family in text_string_to_metric_families(answer.text)
        for one in family.samples
    )


def count(objective: Objective, samples: Sequence[Sample], at_s: float | None = None) -> Count:
    """Good and all events of an objective until now.

    Raises:
        InvalidParameter: its queries are more than sums of rates.
    """
    good, total = (
        value_of(read_terms(query), samples) for query in (objective.good, objective.total)
    )
    return Count(time.perf_counter() if at_s is None else at_s, good, total)
