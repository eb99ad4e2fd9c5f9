"""Slots hold what was put there; rows of any length lie in one rectangle and see only their own."""

import pytest
import tiny_whisper
import torch

from lab_kit.models.kv_pool import CacheShape, KvPool
from lab_kit.models.whisper import attention
from lab_kit.models.whisper.attention import DecodeRow, EncodedSpeech

SHAPE = CacheShape(layers=2, heads=2, head_width=4, dtype=torch.float32, device=torch.device("cpu"))


class Model:
    cache_shape = SHAPE


@pytest.fixture(scope="module")
def clips() -> list[EncodedSpeech]:
    generator = torch.Generator().manual_seed(3)
    keys = [tuple(torch.randn(1, 2, 9, 4, generator=generator) for _ in range(2)) for _ in range(4)]
    return [EncodedSpeech(*keys[:2], samples=10), EncodedSpeech(*keys[2:], samples=20)]


def row(tokens: tuple[int, ...], slots: tuple[int, ...], clip: EncodedSpeech) -> DecodeRow:
    return DecodeRow(tokens, slots, clip)


def test_bytes_follow_from_the_shape() -> None:
    pool = KvPool.for_model(Model(), 10)
    assert pool.bytes_per_token == 2 * 2 * 2 * 4 * 4  # keys, values; layers; heads; width; bytes
    assert pool.bytes == 10 * pool.bytes_per_token


def test_half_the_precision_takes_half_the_bytes() -> None:
    half = CacheShape(2, 2, 4, torch.bfloat16, torch.device("cpu"))
    assert 2 * half.bytes_per_token == SHAPE.bytes_per_token


def test_a_slot_gives_back_what_it_was_given() -> None:
    pool = KvPool(SHAPE, 8)
    keys, values = torch.randn(3, 2, 4), torch.randn(3, 2, 4)
    pool.write(1, torch.tensor([5, 0, 7]), keys, values)
    found_keys, found_values = pool.gather(1, torch.tensor([[7, 0], [5, 3]]))
    assert torch.equal(found_keys[0], keys[[2, 1]])
    assert torch.equal(found_values[1, 0], values[0])
    assert not found_keys[1, 1].any(), "a slot that nobody wrote holds zeros"
    assert not pool.gather(0, torch.arange(8))[0].any(), "layers are apart"


def test_rows_of_any_length_lie_in_one_rectangle(clips: list[EncodedSpeech]) -> None:
    pool = KvPool(SHAPE, 16)
    rows = [row((11, 12, 13), (4, 5, 6), clips[0]), row((21,), (9, 8, 7, 3, 2), clips[1])]
    placed = attention.layout(rows, pool)
    assert placed.tokens.tolist() == [[11, 12, 13], [21, 0, 0]]
    assert placed.positions.tolist() == [[0, 1, 2], [4, 0, 0]]
    assert placed.is_token.tolist() == [[True, True, True], [True, False, False]]
    assert placed.slots.tolist() == [[4, 5, 6, 4, 4], [9, 8, 7, 3, 2]]
    assert placed.new_slots.tolist() == [4, 5, 6, 2]
    assert placed.mask.shape == (2, 1, 3, 5)
    seen = (placed.mask == 0).int()[:, 0].tolist()
    assert seen[0] == [[1, 0, 0, 0, 0], [1, 1, 0, 0, 0], [1, 1, 1, 0, 0]]
    assert seen[1][0] == [1, 1, 1, 1, 1]


def test_a_row_is_computed_as_if_it_were_alone(clips: list[EncodedSpeech]) -> None:
    """The decoder of `transformers`, all tokens at once, against two passes through the pool."""
    decoder = tiny_whisper.network().decoder
    attention.use_attention_by_row()
    decoder.set_attn_implementation(attention.BY_ROW)
    tokens = ((1, 2, 3, 4, 5), (6, 7, 8))
    slots = ((14, 2, 9, 4, 0), (1, 13, 3))
    pool = KvPool(SHAPE, 16)
    run(decoder, [row(tokens[0][:3], slots[0][:3], clips[0])], pool)
    rows = [row(tokens[0][3:], slots[0], clips[0]), row(tokens[1], slots[1], clips[1])]
    together = run(decoder, rows, pool)
    for index, new in ((0, 2), (1, 3)):
        places = tuple(range(len(tokens[index])))
        alone = run(decoder, [row(tokens[index], places, clips[index])], KvPool(SHAPE, 16))
        torch.testing.assert_close(together[index, :new], alone[0, -new:])


def run(decoder: torch.nn.Module, rows: list[DecodeRow], pool: KvPool) -> torch.Tensor:
    placed = attention.layout(rows, pool)
    with torch.inference_mode():
        output = decoder(
            input_ids=placed.tokens,
            attention_mask=placed.mask,
            position_ids=placed.positions,
            past_key_values=attention.cache_for(placed, [r.encoded for r in rows], pool),
            encoder_hidden_states=placed.mask,
            use_cache=True,
        )
    hidden: torch.Tensor = output.last_hidden_state
    return hidden
