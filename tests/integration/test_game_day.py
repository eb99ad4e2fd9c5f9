"""Each fault of a game day, in real processes: its sign appears, and its runbook takes it away."""

import asyncio

from hang import HANG_S

from lab_kit import datasets
from lab_kit.experiments import game_day
from lab_kit.experiments.game_day import Action, Dashboard, Fault

WORDS = ("best", "worst", "wisdom", "hope", "despair", "light", "darkness")
CLIPS = [datasets.clip(f"two-cities-{word}") for word in WORDS]


async def test_every_fault_shows_its_sign_and_its_runbook_ends_it() -> None:
    due = list(Fault)
    shown: list[set[Fault]] = []

    def triage(seen: Dashboard) -> Fault | None:
        """Who knows what to look for: so that a slow machine is not taken for a drift."""
        shown.append({one for one in Fault if seen.shows(one)})
        fault = due[0]
        if fault in shown[-1]:
            due.append(due.pop(0))
            return fault
        return None

    async with asyncio.timeout(2 * HANG_S):
        day = await game_day.play(
            triage, CLIPS, tuple(Fault), calm_s=4.0, between_s=0.5, limit_s=60.0
        )
    assert [one.fault for one in day.scores] == list(Fault)
    for one in day.scores:
        assert one.detect_s is not None, one
        assert one.contain_s is not None, one
        assert one.resolve_s is not None, one
        assert one.detect_s <= one.contain_s <= one.resolve_s + 1e-9, one
        assert one.wrong == 0, one
    of = {one.fault: one for one in day.scores}
    assert of[Fault.CASCADE].finals_lost > 0
    assert of[Fault.STARTS].turned_away > 0
    assert of[Fault.BILLING].off_usd == 0, "what was charged twice is credited"
    assert len(game_day.scores_table(day.scores).rows) == len(Fault)


async def test_nobody_who_looks_away_contains_anything() -> None:
    async with asyncio.timeout(HANG_S):
        day = await game_day.play(
            lambda _: None,
            CLIPS,
            (Fault.BILLING,),
            callers=2,
            calm_s=1.0,
            between_s=0.0,
            limit_s=9.0,
        )
    (found,) = day.scores
    assert (found.detect_s, found.contain_s, found.resolve_s) == (None, None, None)
    assert found.off_usd > 0


async def test_a_day_by_hand_is_scored_like_any_other() -> None:
    async with asyncio.timeout(HANG_S):
        day = await game_day.begin(CLIPS, callers=2, calm_s=3.0)
        try:
            await day.break_something(Fault.MEMORY)
            while not day.look().shows(Fault.MEMORY):
                await asyncio.sleep(0.2)
            day.say(Fault.MEMORY)
            await day.do(Action.STOP_GROWER)
            assert "memory" in (await day.verified()).text
        finally:
            await day.end()
    (found,) = day.scores
    assert found.contain_s is not None
    assert found.resolve_s is None, "nobody has mended it"
