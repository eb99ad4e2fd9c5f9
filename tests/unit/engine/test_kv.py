"""Two ways to hand out slots: what each wastes, what paging shares, keeps and gives up."""

import random

import pytest

from lab_kit.core.errors import InvalidParameter
from lab_kit.engine.kv import FREE, KEPT, SHARED, ContiguousKv, KvCache, PagedKv

AUDIO = b"one clip"
OTHER = b"another clip"


def owners(kv: KvCache) -> list[int]:
    """Whose each slot is."""
    return [owner for owner, _ in kv.picture()]


def begun(kv: KvCache, number: int, tokens: list[int], audio: bytes = AUDIO) -> int | None:
    """A sequence whose first pass over ``tokens`` has been made."""
    reused = kv.begin(number, audio, tokens, longest=len(tokens) + 8)
    if reused is not None:
        kv.filled(number, tokens)
    return reused


def test_contiguous_reserves_what_a_sequence_could_ever_need() -> None:
    kv = ContiguousKv(20)
    assert begun(kv, 1, [5, 6]) == 0
    assert kv.places(1, 3) == (0, 1, 2)
    usage = kv.usage()
    assert (usage.reserved, usage.written) == (10, 2)
    assert usage.waste == pytest.approx(0.8)


def test_contiguous_cannot_use_a_gap_that_is_too_short() -> None:
    kv = ContiguousKv(30)
    for number in (1, 2, 3):
        assert begun(kv, number, [5, 6]) == 0
    kv.free(1)
    kv.free(3)
    assert kv.begin(4, AUDIO, [1] * 4, longest=11) is None, "two gaps of 10 are not one of 11"
    assert kv.begin(4, AUDIO, [1] * 4, longest=10) == 0
    assert kv.places(4, 1) == (0,)


def test_paged_wastes_at_most_the_rest_of_one_block() -> None:
    kv = PagedKv(blocks=5, block_tokens=4)
    begun(kv, 1, list(range(5)))
    usage = kv.usage()
    assert (usage.reserved, usage.written) == (8, 5)


def test_paged_blocks_need_not_be_adjacent() -> None:
    kv = PagedKv(blocks=3, block_tokens=2)
    begun(kv, 1, [1, 2])
    begun(kv, 2, [3], audio=OTHER)
    kv.grow(1, 3)
    places = kv.places(1, 3)
    assert places[2] - places[1] != 1
    assert len(set(places) | set(kv.places(2, 1))) == 4


def test_growing_beyond_the_last_block_changes_nothing() -> None:
    kv = PagedKv(blocks=2, block_tokens=2)
    begun(kv, 1, [1, 2])
    before = kv.picture()
    assert not kv.grow(1, 5)
    assert kv.picture() == before
    assert kv.grow(1, 4)


def test_a_begin_without_room_takes_nothing() -> None:
    kv = PagedKv(blocks=2, block_tokens=2)
    begun(kv, 1, [1, 2])
    before = kv.picture()
    assert kv.begin(2, AUDIO, [1, 2, 3, 4, 5], longest=9) is None
    assert kv.picture() == before


def test_equal_tokens_over_the_same_audio_share_full_blocks() -> None:
    kv = PagedKv(blocks=6, block_tokens=2)
    tokens = [1, 2, 3, 4, 5]
    assert begun(kv, 1, tokens) == 0
    assert begun(kv, 2, tokens) == 4
    assert kv.places(1, 4) == kv.places(2, 4)
    assert kv.places(1, 5)[4] != kv.places(2, 5)[4], "the last, not full, is each one's own"
    assert owners(kv).count(SHARED) == 4
    assert kv.usage().written == 6, "what is shared counts once"


def test_equal_tokens_over_other_audio_share_nothing() -> None:
    """What a decoder remembers of a token depends on what it heard."""
    kv = PagedKv(blocks=6, block_tokens=2)
    begun(kv, 1, [1, 2, 3])
    assert begun(kv, 2, [1, 2, 3], audio=OTHER) == 0


def test_a_prefix_ends_where_the_tokens_differ() -> None:
    kv = PagedKv(blocks=8, block_tokens=2)
    begun(kv, 1, [1, 2, 3, 4, 5])
    assert begun(kv, 2, [1, 2, 9, 4, 5]) == 2
    assert begun(kv, 3, [9, 2, 3, 4, 5]) == 0


def test_the_last_token_is_computed_in_any_case() -> None:
    kv = PagedKv(blocks=4, block_tokens=2)
    begun(kv, 1, [1, 2, 3, 4])
    assert begun(kv, 2, [1, 2, 3, 4]) == 2


def test_a_shared_block_outlives_the_first_who_lets_go() -> None:
    kv = PagedKv(blocks=4, block_tokens=2)
    begun(kv, 1, [1, 2, 3])
    begun(kv, 2, [1, 2, 3])
    shared = kv.places(2, 2)
    kv.free(1)
    assert kv.places(2, 2) == shared
    assert owners(kv)[shared[0]] == 2


def test_full_blocks_are_kept_for_whoever_says_the_same_again() -> None:
    kv = PagedKv(blocks=4, block_tokens=2)
    begun(kv, 1, [1, 2, 3])
    kv.free(1)
    assert owners(kv).count(KEPT) == 2
    assert kv.usage().reserved == 0
    assert begun(kv, 2, [1, 2, 3]) == 2


def test_what_is_kept_gives_way_and_the_longest_unused_first() -> None:
    kv = PagedKv(blocks=2, block_tokens=2)
    for number, tokens in ((1, [1, 2]), (2, [3, 4])):
        begun(kv, number, tokens)
    kv.free(1)
    kv.free(2)
    assert owners(kv).count(KEPT) == 4
    begun(kv, 3, [9], audio=OTHER)
    kv.free(3)
    assert begun(kv, 4, [3, 4, 5]) == 2
    kv.free(4)
    assert begun(kv, 5, [1, 2, 5]) == 0, "the older of the two was given up"


@pytest.mark.parametrize("seed", range(20))
def test_no_slot_is_ever_anybody_elses(seed: int) -> None:
    """Random lives: what a sequence wrote is found in its slots until it lets go."""
    chance = random.Random(seed)
    kv: KvCache = PagedKv(12, 3) if seed % 2 else ContiguousKv(36)
    memory: dict[int, tuple[bytes, tuple[int, ...]]] = {}
    alive: dict[int, tuple[bytes, list[int]]] = {}
    for number in range(1, 200):
        if chance.random() < 0.5:
            audio = chance.choice([AUDIO, OTHER])
            tokens = [chance.randrange(3) for _ in range(chance.randint(1, 8))]
            reused = kv.begin(number, audio, tokens, longest=12)
            if reused is not None:
                write(kv, memory, number, audio, tokens, reused)
                alive[number] = audio, tokens
        elif alive:
            who = chance.choice(list(alive))
            audio, tokens = alive[who]
            if chance.random() < 0.3 or len(tokens) == 12:
                kv.free(who)
                del alive[who]
            elif kv.grow(who, len(tokens) + 1):
                tokens.append(chance.randrange(3))
                write(kv, memory, who, audio, tokens, len(tokens) - 1)
        for who, (audio, tokens) in alive.items():
            for index, place in enumerate(kv.places(who, len(tokens))):
                assert memory[place] == (audio, tuple(tokens[: index + 1]))
    for who in alive:
        kv.free(who)
    assert kv.usage().reserved == 0
    assert set(owners(kv)) <= {FREE, KEPT}


def write(
    kv: KvCache,
    memory: dict[int, tuple[bytes, tuple[int, ...]]],
    number: int,
    audio: bytes,
    tokens: list[int],
    start: int,
) -> None:
    """As a pass does: what a slot holds depends on the audio and on every token so far."""
    for index, place in enumerate(kv.places(number, len(tokens))):
        if index >= start:
            memory[place] = (audio, tuple(tokens[: index + 1]))
    kv.filled(number, tokens)


def test_a_cache_without_size_is_refused() -> None:
    with pytest.raises(InvalidParameter, match="0 blocks"):
        PagedKv(0, 4)
    with pytest.raises(InvalidParameter, match="0 slots"):
        ContiguousKv(0)


@pytest.mark.parametrize("kv", [ContiguousKv(40), PagedKv(10, 4)], ids=["contiguous", "paged"])
def test_the_picture_shows_as_many_used_slots_as_are_counted(kv: KvCache) -> None:
    for number, length in ((1, 5), (2, 9)):
        begun(kv, number, list(range(length)), audio=bytes(number))
    kv.free(1)
    held = [used for owner, used in kv.picture() if owner not in (FREE, KEPT)]
    assert sum(held) == kv.usage().written == 9
    assert len(held) == kv.usage().reserved
