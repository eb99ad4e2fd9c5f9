"""The graphs written anew say what the published ones say, on real speech."""

from collections.abc import Callable

import jiwer
import numpy as np
import onnx
import pytest

from lab_kit.audio.pcm import FloatArray
from lab_kit.core.errors import ModelStoreError, PayloadTooLarge
from lab_kit.datasets import clips
from lab_kit.models.device import Device
from lab_kit.models.moonshine import model as moonshine
from lab_kit.models.moonshine.graph import decoder_graph, encoder_graph, published_graph
from lab_kit.models.moonshine.int8 import Weights
from lab_kit.models.moonshine.kept_graphs import signed_sums_are_exact
from lab_kit.models.moonshine.model import END_TOKEN, LONGEST_SAMPLES, Moonshine
from lab_kit.models.moonshine.published import PublishedMoonshine
from lab_kit.models.store.store import ModelStore

CPU = Device("cpu", "this one", workers=1)
FILES = ModelStore().path("moonshine-tiny-en").paths
SPEECH = [np.array(clip.samples) for clip in clips()]
PIECES = [audio[: round(16_000 * (0.8 + n % 4))] for n, audio in enumerate(SPEECH)]


@pytest.fixture
def model_of(monkeypatch: pytest.MonkeyPatch) -> Callable[[Weights], Moonshine]:
    """A model whose matrices are written so."""

    def opened(weights: Weights) -> Moonshine:
        monkeypatch.setattr(moonshine, "weights_for", lambda device: weights)
        return Moonshine(FILES, CPU)

    return opened


def said(model: Moonshine, audio: FloatArray) -> tuple[list[int], list[float]]:
    """Tokens, and how sure each was."""
    (choices,), batch = model.prefill([model.encode(audio)])
    chosen = [choices[-1]]
    while chosen[-1].token != END_TOKEN and len(chosen) < model.token_limit(len(audio)):
        chosen += model.step(batch, [chosen[-1].token])
    return [each.token for each in chosen], [each.log_probability for each in chosen]


def words_changed(before: list[str], after: list[str]) -> float:
    """Share of words that are others."""
    return jiwer.wer([text or "-" for text in before], [text or "-" for text in after])


def test_the_words_stay(model_of: Callable[[Weights], Moonshine]) -> None:
    """Whole clips and pieces cut anywhere: no more change than a change of volume makes."""
    published, model = PublishedMoonshine(FILES, CPU), model_of(moonshine.weights_for(CPU))

    def as_published(audio: FloatArray) -> str:
        return model.text(published.decode(audio, model.token_limit(len(audio))))

    sounds = [*SPEECH[::8], *PIECES[1::8]]
    before = [as_published(audio) for audio in sounds]
    louder = [as_published(audio * np.float32(1.001)) for audio in sounds]
    after = [model.text(said(model, audio)[0]) for audio in sounds]
    assert words_changed(before, after) <= max(0.02, 1.5 * words_changed(before, louder))


def test_signed_bytes_give_the_very_same_numbers(model_of: Callable[[Weights], Moonshine]) -> None:
    if not signed_sums_are_exact():
        pytest.skip("this processor cannot hold the sums, so nothing is written so")
    signed, unsigned = model_of(Weights.SIGNED), model_of(Weights.UNSIGNED)
    for audio in SPEECH[:6]:
        assert said(signed, audio) == said(unsigned, audio)


def test_floats_for_gpus_say_the_same(model_of: Callable[[Weights], Moonshine]) -> None:
    """Here they run on the CPU: the graph is right; no GPU has seen it."""
    floats, signed = model_of(Weights.FLOAT), model_of(moonshine.weights_for(CPU))
    sounds = SPEECH[::8]
    texts = [[model.text(said(model, audio)[0]) for audio in sounds] for model in (signed, floats)]
    assert words_changed(*texts) <= 0.03


def test_the_weights_follow_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    assert moonshine.weights_for(Device("cuda", "Test GPU", 1)) is Weights.FLOAT
    for exact, weights in ((True, Weights.SIGNED), (False, Weights.UNSIGNED)):
        monkeypatch.setattr(moonshine, "signed_sums_are_exact", lambda exact=exact: exact)
        assert moonshine.weights_for(CPU) is weights


def test_fewer_operators_run() -> None:
    decoding = published_graph(FILES["decoder_model_merged.ort"])
    (switch,) = (node for node in decoding.graph.node if node.op_type == "If")
    published = min(len(branch.g.node) for branch in switch.attribute)
    anew = onnx.load_from_string(decoder_graph(decoding, Weights.SIGNED))
    assert len(anew.graph.node) < published / 4


def test_another_graph_is_refused() -> None:
    decoding = published_graph(FILES["decoder_model_merged.ort"])
    with pytest.raises(ModelStoreError, match="computes no /groupnorm"):
        encoder_graph(decoding, decoding, Weights.SIGNED)


def test_a_clip_beyond_the_table_of_positions_is_refused() -> None:
    model = Moonshine(FILES, CPU)
    with pytest.raises(PayloadTooLarge, match="at most 197 s"):
        model.encode(np.zeros(LONGEST_SAMPLES + 1, np.float32))
