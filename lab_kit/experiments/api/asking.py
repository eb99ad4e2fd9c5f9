"""Requests to a server as they are, where `client` would try again, or hide what is looked at."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from prometheus_client.parser import text_string_to_metric_families

from lab_kit.client.requests import unreachable
from lab_kit.experiments.api.ways import Target

TIMEOUT_S = 60.0
"""Of one read or write; no request of these experiments takes nearly as long."""


@asynccontextmanager
async def server_at(target: Target) -> AsyncIterator[httpx.AsyncClient]:
    """A client of that server, with the caller's key.

    Raises:
        ConnectionFailed: the server cannot be reached.
    """
    headers = {"authorization": f"Token {target.key}"}
    async with httpx.AsyncClient(
        base_url=target.url, headers=headers, timeout=TIMEOUT_S, trust_env=False
    ) as server:
        try:
            yield server
        except httpx.HTTPError as error:
            raise unreachable(target.url, error) from error


async def counted(target: Target, sample: str, **labels: str) -> float:
    """The sum of a metric's samples that have these labels; 0 where there is none yet.

    Args:
        sample: its name as it is exported, such as ``lab_audio_seconds_total``.

    Raises:
        ConnectionFailed: the server cannot be reached.
    """
    async with server_at(target) as server:
        told = (await server.get("/metrics")).raise_for_status().text
    return sum(
        one.value
        for family in text_string_to_metric_families(told)
        for one in family.samples
        if one.name == sample and labels.items() <= one.labels.items()
    )


async def computed_s(target: Target) -> float:
    """Seconds of sound that the server has gone through for requests and operations."""
    return await counted(target, "lab_audio_seconds_total", kind="recording")
