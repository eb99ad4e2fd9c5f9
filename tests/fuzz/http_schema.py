"""HTTP as the server's own schema describes it: schemathesis makes requests that fit it or do not.

What an operator may do is tried with a caller's key alone: with the operator's, an attack would
free the versions that everybody is served by.
"""

import asyncio
import random
from collections.abc import Sequence
from functools import cache
from typing import Any

import hypothesis
import requests
import schemathesis
from attempts import HUNG, Kind, Outcome, Target, answered

EXAMPLES = 5
"""Requests of one operation in one attempt."""
PUBLIC = (
    *("/healthz", "/readyz", "/metrics", "/v2/health/live", "/v2/health/ready"),
    *("/.well-known/jwks.json", "/.well-known/oauth-authorization-server"),
)


@cache
def _operations(url: str) -> list[Any]:
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
    return [found.ok() for found in schema.get_all_operations()]


async def _round(target: Target, chance: random.Random) -> Sequence[Outcome]:
    """Some requests of every operation; the library waits for answers, on a thread of its own."""
    outcomes: list[Outcome] = []
    for operation in _operations(target.url):
        seed = chance.getrandbits(32)
        outcomes += await asyncio.to_thread(_tried, target, operation, seed)
    return outcomes


def _tried(target: Target, operation: Any, seed: int) -> list[Outcome]:
    outcomes = []

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=EXAMPLES,
        database=None,
        deadline=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(case=operation.as_strategy())
    def send(case: Any) -> None:
        outcomes.append(_sent(target, operation.path, case))

    send()
    return outcomes


def _sent(target: Target, path: str, case: Any) -> Outcome:
    try:
        answer = case.call(headers=target.headers, timeout=target.patience_s)
    except requests.Timeout:
        return HUNG
    outcome = answered(target, answer.status_code, is_public=path in PUBLIC)
    if outcome.fault is None:
        return outcome
    return Outcome(outcome.answer, f"{outcome.fault}: {case.as_curl_command()[:500]}")


KIND = Kind({"every operation": _round}, at_once=1)
