"""A product in three regions: served by rules, and billed though a region is lost."""

import asyncio
from collections.abc import Iterator

import pytest
from hang import HANG_S

from lab_kit import datasets
from lab_kit.bench import Bench
from lab_kit.experiments import product
from lab_kit.protocol.tenants import TenantSettings

CLIP = datasets.clip("speech-yes")
AT_HOME = TenantSettings(
    home_region="eu-west", allowed_regions=("eu-west",), consents=("recognition",)
)
ANYWHERE = TenantSettings(
    home_region="us-east",
    allowed_regions=("us-east", "eu-west", "ap-south"),
    consents=("recognition",),
)
TENANTS = {
    "berlin": product.Agreed(AT_HOME, "starter"),
    "boston": product.Agreed(ANYWHERE, "scale"),
}


@pytest.fixture(scope="module")
def regions() -> Iterator[dict[str, Bench]]:
    """Three servers of this file alone."""
    made = {
        name.partition(":")[0]: Bench.start(
            "product",
            "scripted",
            state=True,
            regions=product.seen_from(name),
        )
        for name in product.REGIONS
    }
    yield made
    for bench in made.values():
        bench.stop()


async def test_speech_goes_where_it_may_and_is_billed_wherever_it_was(
    regions: dict[str, Bench],
) -> None:
    async with asyncio.timeout(HANG_S):
        opened = await product.open_product(regions, TENANTS)
        at_home = await opened.call("berlin", "eu-west", CLIP)
        on_a_journey = await opened.call("berlin", "ap-south", CLIP)
        assert at_home.served_by == on_a_journey.served_by == "eu-west"
        assert on_a_journey.asked == ("ap-south", "eu-west")
        assert (await opened.call("boston", "us-east", CLIP)).served_by == "us-east"
        before = product.report_table(opened).rows
        for name in ("us-east", "eu-west"):
            opened.lose(name)
            assert not regions[name].alive
        assert (await opened.call("boston", "us-east", CLIP)).served_by == "ap-south"
        nobody = await opened.call("berlin", "eu-west", CLIP)
    assert nobody.served_by == ""
    assert "eu-stays-in-the-eu" in nobody.why
    after = product.report_table(opened).rows
    assert [row[-1] for row in before] == ["0.06 USD", "0.02 USD"]
    assert [row[-1] for row in after] == ["0.06 USD", "0.04 USD"], "a lost region's disk is there"
    assert [row[2] for row in after] == ["67 %", "100 %"]
    assert "nobody" in product.calls_table(opened.calls).text
