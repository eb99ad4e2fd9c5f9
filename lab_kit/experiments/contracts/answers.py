"""One recording, answered by both versions of the API: what they say, and how long they take."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from lab_kit.client.requests import refused, unreachable
from lab_kit.core.table import Table
from lab_kit.core.units import SAMPLE_RATE_HZ, ms
from lab_kit.datasets import Clip
from lab_kit.experiments.contracts.side_by_side import Server
from lab_kit.measure.percentiles import percentile
from lab_kit.protocol.deprecations import TRANSCRIBE_V1, DeprecationPlan
from lab_kit.protocol.recordings import TRANSCRIBE_PATH
from lab_kit.protocol.recordings_v2 import TRANSCRIBE_V2_PATH

_TIMEOUT_S = 60.0
_TOLD = ("x-model-version", "deprecation", "sunset", "link")
NOTICE_DAYS = 180
"""From the announcement to the end, in the plan that is announced for a reader."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What one route said.

    Attributes:
        headers: those that tell of versions, by their names in small letters.
        body: the JSON.
    """

    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class BothAnswers:
    """The same recording, answered by the old route and by its successor."""

    old: Answered
    new: Answered


async def both_answers(
    server: Server, clip: Clip, plan: DeprecationPlan | None = None
) -> BothAnswers:
    """Have a clip transcribed by both.

    Args:
        plan: announced for the old one meanwhile; None for whatever is announced.

    Raises:
        LabError: as `client.transcribe` and `client.Operator`.
    """
    before = (await server.operator.deprecation(TRANSCRIBE_V1)).plan
    try:
        if plan is not None:
            await server.operator.deprecate(TRANSCRIBE_V1, plan)
        return BothAnswers(
            await _ask(server, TRANSCRIBE_PATH, clip), await _ask(server, TRANSCRIBE_V2_PATH, clip)
        )
    finally:
        if plan is not None and before is not None:
            await server.operator.deprecate(TRANSCRIBE_V1, before)
        elif plan is not None:
            await server.operator.take_back_deprecation(TRANSCRIBE_V1)


def half_a_year() -> DeprecationPlan:
    """A plan that holds from today's beginning, UTC, and ends `NOTICE_DAYS` later."""
    today = datetime.fromtimestamp(time.time(), UTC).replace(hour=0, minute=0, second=0)
    begins = today.replace(microsecond=0)
    return DeprecationPlan(
        begins.timestamp(), (begins + timedelta(days=NOTICE_DAYS)).timestamp(), ()
    )


async def route_delays(server: Server, clip: Clip, times: int = 20) -> dict[str, list[float]]:
    """Seconds from request to answer of both routes, asked by turns; the first of each is left out.

    Raises:
        LabError: as `client.transcribe`.
    """
    found: dict[str, list[float]] = {TRANSCRIBE_PATH: [], TRANSCRIBE_V2_PATH: []}
    for number in range(times + 1):
        for path, delays in found.items():
            began_ns = time.perf_counter_ns()
            await _ask(server, path, clip)
            if number:
                delays.append((time.perf_counter_ns() - began_ns) / 1e9)
    return found


def delays_table(found: Mapping[str, Sequence[float]]) -> Table:
    """A row for each route, in ms."""
    rows = [
        (path, *(f"{ms(percentile(delays, share)):.1f}" for share in (0.5, 0.95)))
        for path, delays in found.items()
    ]
    old, new = (ms(percentile(delays, 0.5)) for delays in found.values())
    note = f"Between the two medians: {abs(new - old):.1f} ms of the 300."
    return Table("route", ("route", "p50 ms", "p95 ms"), rows, [note])


def leaves(body: object, path: str = "") -> dict[str, list[Any]]:
    """Every value of an answer, in order, by its field: ``segments[].words[].text``."""
    found: dict[str, list[Any]] = {}
    if isinstance(body, Mapping):
        parts = [(f"{path}.{name}" if path else str(name), value) for name, value in body.items()]
    elif isinstance(body, list):
        parts = [(f"{path}[]", value) for value in body]
    else:
        return {path: [body]}
    for name, value in parts:
        for field, values in leaves(value, name).items():
            found.setdefault(field, []).extend(values)
    return found


def fields_table(both: BothAnswers) -> Table:
    """A row for each field that either answer has, with its first value in each."""
    old, new = leaves(both.old.body), leaves(both.new.body)
    rows = [(name, *(_first(told.get(name)) for told in (old, new))) for name in {**old, **new}]
    return Table("field", ("", both.old.path, both.new.path), rows, left=3)


def _first(values: Sequence[Any] | None) -> str:
    return "" if values is None else f"{values[0]!s:.40}"


async def _ask(server: Server, path: str, clip: Clip) -> Answered:
    headers = {"content-type": f"audio/l16;rate={SAMPLE_RATE_HZ}"}
    if server.key is not None:
        headers["authorization"] = f"Token {server.key}"
    async with httpx.AsyncClient(
        base_url=server.url, timeout=_TIMEOUT_S, trust_env=False
    ) as asking:
        try:
            answer = await asking.post(path, content=clip.pcm16, headers=headers)
        except httpx.HTTPError as error:
            raise unreachable(server.url, error) from error
    if not answer.is_success:
        raise refused(answer)
    told = {name: answer.headers[name] for name in _TOLD if name in answer.headers}
    return Answered(path, told, answer.json())
