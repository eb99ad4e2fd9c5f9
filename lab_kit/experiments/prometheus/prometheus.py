"""Starts a Prometheus that scrapes one server and follows the rules of its objectives.

It is Debian's own build (package ``prometheus``); nothing here stands in for it. Its configuration
is written for the occasion: a scrape and an evaluation each half second, so that time can be
compressed.
"""

import asyncio
import atexit
import math
import shutil
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import yaml

from lab_kit.core.child_process import Child
from lab_kit.core.errors import ConnectionFailed, NotInstalled

SCRAPE_S = 0.5
FIRST_SCRAPE_S = 30.0
"""It takes up targets each 5 s, so that the first scrape is seen that late; the rest is patience
with a busy machine."""
_ANSWER_S = 10.0
_POLL_S = 0.25


@dataclass(frozen=True, slots=True)
class Value:
    """One series of an answer, now."""

    labels: Mapping[str, str]
    value: float


class Prometheus:
    """One that runs."""

    def __init__(self, child: Child, folder: Path) -> None:
        self._child = child
        self._folder = folder

    @staticmethod
    def is_installed() -> bool:
        """Whether this machine has one."""
        return shutil.which("prometheus") is not None

    @classmethod
    def start(cls, url: str, rules: str) -> "Prometheus":
        """Have it scrape the server at ``url``, and follow ``rules``.

        Raises:
            NotInstalled: this machine has none.
            ServerFailed: it did not become ready.
        """
        binary = shutil.which("prometheus")
        if binary is None:
            raise NotInstalled(
                "no program prometheus on this machine",
                "Prometheus 2.42 or later",
                "install it, such as with: apt-get install --no-install-recommends prometheus",
            )
        folder = Path(tempfile.mkdtemp(prefix="lab-prometheus-"))
        (folder / "rules.yml").write_text(rules, "utf-8")
        (folder / "prometheus.yml").write_text(configuration(url), "utf-8")
        child = Child("lab_kit.experiments.prometheus.process", (binary, str(folder)))
        started = cls(child, folder)
        atexit.register(started.stop)
        try:
            child.wait_until_ready("/-/ready")
        except BaseException:
            started.stop()
            raise
        return started

    @property
    def url(self) -> str:
        """Where it answers."""
        return self._child.url

    @property
    def pid(self) -> int:
        """Of the process that watches over it."""
        return self._child.pid

    async def scraping(self) -> None:
        """Wait until it has scraped the server.

        Raises:
            ConnectionFailed: it has not, for long.
        """
        deadline = time.monotonic() + FIRST_SCRAPE_S
        while not any(one.value == 1 for one in await self.query("up")):
            if time.monotonic() > deadline:
                raise ConnectionFailed(
                    f"no scrape within {FIRST_SCRAPE_S:.0f} s",
                    "a server that answers /metrics",
                    f"read the end of Prometheus' log:\n{self._child.log_tail()}",
                )
            await asyncio.sleep(_POLL_S)

    async def query(self, expression: str) -> list[Value]:
        """What an expression is now: an instant vector.

        Raises:
            ConnectionFailed: it did not answer, or not with a vector.
        """
        found = await self._get("/api/v1/query", query=expression)
        return [Value(one["metric"], _number(one["value"][1])) for one in found["result"]]

    async def firing(self) -> frozenset[tuple[str, str]]:
        """The alerts that fire, by their name and severity.

        Raises:
            ConnectionFailed: it did not answer.
        """
        alerts = (await self._get("/api/v1/alerts"))["alerts"]
        return frozenset(
            (one["labels"]["alertname"], one["labels"]["sloth_severity"])
            for one in alerts
            if one["state"] == "firing"
        )

    async def exemplars(self, series: str, last_s: float = 600.0) -> dict[str, float]:
        """Traces that a series points to, with what was seen there, the largest first.

        Raises:
            ConnectionFailed: it did not answer.
        """
        now_s = time.time()
        span = {"start": f"{now_s - last_s:.3f}", "end": f"{now_s + 1:.3f}"}
        found = await self._get("/api/v1/query_exemplars", query=series, **span)
        pairs = [
            (one["labels"]["trace_id"], float(one["value"]))
            for series_found in found
            for one in series_found["exemplars"]
        ]
        return dict(sorted(pairs, key=lambda pair: -pair[1]))

    def stop(self) -> None:
        """End it, and forget what it kept; harmless if that is done already."""
        self._child.stop()
        shutil.rmtree(self._folder, ignore_errors=True)
        atexit.unregister(self.stop)

    async def _get(self, path: str, **parameters: str) -> Any:
        try:
            async with httpx.AsyncClient(
                base_url=self.url, timeout=_ANSWER_S, trust_env=False
            ) as asking:
                answer = await asking.get(path, params=parameters)
        except httpx.HTTPError as error:
            raise ConnectionFailed(
                f"Prometheus did not answer ({error!r})", "an answer", "start it again"
            ) from error
        if answer.status_code != 200:
            raise ConnectionFailed(
                f"Prometheus answers {answer.status_code}: {answer.text:.200}", "200", "see there"
            )
        return answer.json()["data"]


def configuration(url: str) -> str:
    """Prometheus' own, for one server."""
    each = f"{round(SCRAPE_S * 1_000)}ms"
    made = {
        "global": {"scrape_interval": each, "scrape_timeout": each, "evaluation_interval": each},
        "rule_files": ["rules.yml"],
        "scrape_configs": [
            {"job_name": "lab", "static_configs": [{"targets": [urlsplit(url).netloc]}]}
        ],
    }
    return str(yaml.safe_dump(made, sort_keys=False))


def _number(text: str) -> float:
    return math.nan if text == "NaN" else float(text)
