"""What a server itself counts, from its metrics."""

import httpx
from prometheus_client.parser import text_string_to_metric_families

_TIMEOUT_S = 10.0


async def counted(url: str, sample: str, **labels: str) -> float:
    """The sum of a metric's samples that have these labels; 0 where there is none yet.

    Args:
        sample: its name as it is exported, such as ``lab_audio_seconds_total``.

    Raises:
        httpx.HTTPError: the server cannot be reached.
    """
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=_TIMEOUT_S) as server:
        told = (await server.get("/metrics")).raise_for_status().text
    return sum(
        one.value
        for family in text_string_to_metric_families(told)
        for one in family.samples
        if one.name == sample and labels.items() <= one.labels.items()
    )
