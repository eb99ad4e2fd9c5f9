"""Two versions over one test set: the interval of their difference, and the gate."""

import numpy as np
import pytest

from lab_kit.measure.accuracy import WordErrors, word_errors
from lab_kit.measure.version_gate import (
    ALL,
    LEAST_CLIPS,
    Decision,
    Difference,
    Gate,
    VersionPair,
    decide,
    differences,
)


def pair(
    clip: int, old: int = 0, new: int = 0, words: int = 10, voice: str = "a", noise: str = "quiet"
) -> VersionPair:
    return VersionPair(f"clip-{clip}", voice, noise, words, old, new)


def one(pairs: list[VersionPair], resamples: int = 2_000, seed: int = 1) -> Difference:
    return differences(pairs, resamples=resamples, seed=seed)[0]


def drawn(
    clips: int, old: float, new: float, seed: int, voice: str = "a", noise: str = "quiet"
) -> list[VersionPair]:
    """Clips of ten words, each word wrong by chance; hard clips are hard for both versions."""
    chance = np.random.default_rng(seed)
    hard = chance.uniform(0.2, 1.8, clips)
    return [
        pair(
            number,
            int(chance.binomial(10, min(1, old * factor))),
            int(chance.binomial(10, min(1, new * factor))),
            voice=voice,
            noise=noise,
        )
        for number, factor in enumerate(hard)
    ]


def test_errors_are_counted_and_words_too() -> None:
    assert word_errors("It was the best of times", "it was the the best times") == WordErrors(2, 6)


def test_rates_are_pooled_over_words_not_averaged_over_clips() -> None:
    found = one([pair(1, 1, 0, words=2), pair(2, 0, 4, words=98)])
    assert (found.old, found.new, found.words, found.clips) == (0.01, 0.04, 100, 2)
    assert found.difference == pytest.approx(0.03)
    assert found.changed == 2


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    """Over 200 test sets with a known difference of 0.05: binomial, 0.95 with 0.015 of chance."""
    held = 0
    for seed in range(200):
        found = one(drawn(60, 0.10, 0.15, seed), resamples=400, seed=seed)
        assert found.low is not None
        assert found.high is not None
        assert found.low <= found.difference <= found.high
        held += found.low <= 0.05 <= found.high
    assert 180 <= held <= 199


def test_pairs_tell_more_than_two_test_sets_would() -> None:
    """What is hard for both takes no part: the same errors but one leave next to nothing."""
    errors = [number % 7 for number in range(40)]
    same = [pair(number, old, old) for number, old in enumerate(errors)]
    same[3] = pair(3, errors[3], errors[3] + 1)
    found = one(same)
    assert found.high is not None
    assert 0 < found.difference < found.high < 0.01


def test_a_clip_in_four_noises_is_one_clip() -> None:
    alone = drawn(30, 0.1, 0.2, 5)
    repeated = [
        VersionPair(p.clip, p.voice, noise, p.words, p.old_errors, p.new_errors)
        for p in alone
        for noise in ("quiet", "20 dB", "10 dB", "0 dB")
    ]
    first, second = one(alone), one(repeated)
    assert (second.clips, second.words) == (30, 1_200)
    assert (second.low, second.high) == (first.low, first.high)


def test_the_same_seed_draws_the_same_and_another_about_the_same() -> None:
    pairs = drawn(50, 0.1, 0.15, 2)
    assert one(pairs, seed=4) == one(pairs, seed=4)
    a, b = one(pairs, seed=4), one(pairs, seed=5)
    assert a != b
    assert a.low == pytest.approx(b.low, abs=0.01)


def test_old_and_new_the_other_way_round_turn_the_sign() -> None:
    pairs = drawn(50, 0.1, 0.15, 2)
    turned = [
        VersionPair(p.clip, p.voice, p.noise, p.words, p.new_errors, p.old_errors) for p in pairs
    ]
    a, b = one(pairs), one(turned)
    assert a.difference == pytest.approx(-b.difference)
    assert a.high is not None
    assert b.low == pytest.approx(-a.high, abs=0.005)


def test_groups_come_by_voice_and_noise_and_share_the_confidence() -> None:
    pairs = [
        *drawn(20, 0.1, 0.1, 1, "ann", "quiet"),
        *drawn(20, 0.1, 0.2, 2, "ben", "quiet"),
        *drawn(20, 0.1, 0.1, 1, "ann", "0 dB"),
    ]
    found = differences(pairs, resamples=500, seed=1)
    assert [each.group for each in found] == [ALL, "ann", "ben", "quiet", "0 dB"]
    assert [each.confidence for each in found] == pytest.approx([0.95, *[0.9875] * 4])
    assert found[1].clips == 20
    assert found[1].words == 400
    assert len(differences(drawn(20, 0.1, 0.1, 1), resamples=10, seed=1)) == 1, "no groups in one"


def test_too_few_clips_have_no_interval() -> None:
    few = [pair(number, 0, 1) for number in range(LEAST_CLIPS - 1)]
    assert (one(few).low, one(few).high) == (None, None)
    assert one([*few, pair(99)]).low is not None


@pytest.mark.parametrize(
    ("pairs", "resamples", "confidence"),
    [
        ([], 100, 0.95),
        ([pair(1)], 0, 0.95),
        ([pair(1)], 10**9, 0.95),
        ([pair(1)], 100, 1.0),
        ([pair(1, words=0)], 100, 0.95),
        ([pair(1, -1)], 100, 0.95),
    ],
)
def test_what_makes_no_sense_is_refused(
    pairs: list[VersionPair], resamples: int, confidence: float
) -> None:
    with pytest.raises(ValueError, match=r"expected|nothing|without words"):
        differences(pairs, resamples=resamples, seed=1, confidence=confidence)


# --- the gate


def group(
    name: str, difference: float, low: float | None, high: float | None, clips: int = 40
) -> Difference:
    return Difference(name, clips, 400, 5, 0.1, 0.1 + difference, low, high, 0.95)


def test_an_interval_within_the_allowance_ships() -> None:
    decision = decide([group(ALL, 0.002, -0.004, 0.009)], 0.01)
    assert decision == Decision(
        Gate.SHIP,
        "all +0.2 word errors in 100 (-0.4 to +0.9, 95 % interval): all of it within +1.0",
    )


def test_an_interval_beyond_the_allowance_holds() -> None:
    decision = decide([group(ALL, 0.03, 0.012, 0.05)], 0.01)
    assert decision.gate is Gate.HOLD
    assert decision.reason.endswith("(+1.2 to +5.0, 95 % interval): all of it beyond +1.0")
    assert decision.more_clips is None


def test_an_interval_that_spans_the_allowance_asks_and_says_how_many_clips_more() -> None:
    decision = decide([group(ALL, 0.005, -0.005, 0.015, clips=40)], 0.01)
    assert decision.gate is Gate.ASK
    assert "+1.0 lies inside it" in decision.reason
    assert decision.more_clips == 120, "half the distance needs four times the clips"
    above = decide([group(ALL, 0.02, 0.0, 0.04, clips=40)], 0.01)
    assert (above.gate, above.more_clips) == (Gate.ASK, 120)
    hopeless = decide([group(ALL, 0.0099, -0.01, 0.03)], 0.01)
    assert (hopeless.gate, hopeless.more_clips) == (Gate.ASK, None)
    assert hopeless.reason.endswith("so near that more clips will hardly decide")


def test_as_many_clips_as_it_says_do_decide() -> None:
    """The same difference, on more clips drawn alike."""
    few = drawn(60, 0.10, 0.125, 9)
    found = differences(few, resamples=2_000, seed=1)
    decision = decide(found, found[0].difference + 0.02)
    assert decision.gate is Gate.ASK
    assert decision.more_clips is not None
    times = 1 + -(-decision.more_clips // 60)
    many = [
        VersionPair(f"{p.clip}/{turn}", p.voice, p.noise, p.words, p.old_errors, p.new_errors)
        for turn in range(2 * times)
        for p in few
    ]
    found = differences(many, resamples=2_000, seed=1)
    assert decide(found, found[0].difference + 0.02).gate is Gate.SHIP


def test_one_voice_that_surely_suffers_holds_what_is_fine_over_all() -> None:
    found = [group(ALL, 0.004, -0.002, 0.009), group("ben", 0.06, 0.02, 0.1)]
    decision = decide(found, 0.01)
    assert decision.gate is Gate.HOLD
    assert decision.reason.startswith("ben +6.0 word errors in 100 (+2.0 to +10.0")


def test_one_voice_that_may_suffer_asks() -> None:
    found = [group(ALL, 0.004, -0.002, 0.009), group("ben", 0.03, -0.01, 0.07, clips=20)]
    decision = decide(found, 0.01)
    assert decision.gate is Gate.ASK
    assert decision.reason.startswith("inside over all, but ben +3.0")
    assert decision.more_clips == 60
    few = [group(ALL, 0.004, -0.002, 0.009), group("cy", 0.03, None, None, clips=3)]
    decision = decide(few, 0.01)
    assert (decision.gate, decision.more_clips) == (Gate.ASK, LEAST_CLIPS - 3)
    assert (
        "cy +3.0 word errors in 100, on 3 clips, beyond +1.0; an interval takes 8 clips"
        in decision.reason
    )


def test_a_version_that_has_to_be_better() -> None:
    assert decide([group(ALL, -0.03, -0.05, -0.02)], -0.01).gate is Gate.SHIP
    assert decide([group(ALL, -0.002, -0.004, 0.0)], -0.01).gate is Gate.HOLD
    as_before = [group(ALL, -0.03, -0.05, -0.02), group("ben", 0.0, 0.0, 0.0)]
    assert decide(as_before, -0.01).gate is Gate.SHIP, "a group need not be better, too"
    worse = [group(ALL, -0.03, -0.05, -0.02), group("ben", 0.02, 0.01, 0.03)]
    assert decide(worse, -0.01).gate is Gate.HOLD


def test_the_same_errors_everywhere_ship_with_what_they_do_not_prove() -> None:
    decision = decide(differences([pair(n, 1, 1) for n in range(30)], resamples=100, seed=1), 0.01)
    assert decision.gate is Gate.SHIP
    assert decision.reason == "no clip of 30 got other errors, though 10 % of all still may"


def test_too_few_clips_over_all_ask_for_as_many_as_are_missing() -> None:
    decision = decide(differences([pair(1), pair(2)], resamples=10, seed=1), 0.01)
    assert (decision.gate, decision.more_clips) == (Gate.ASK, LEAST_CLIPS - 2)
    with pytest.raises(ValueError, match="nothing was compared"):
        decide([], 0.01)
