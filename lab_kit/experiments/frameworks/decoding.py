"""Moonshine from start to end, greedily: what a handler that owns its model calls."""

from collections.abc import Sequence

from lab_kit.audio.pcm import FloatArray
from lab_kit.models.device import choose_device
from lab_kit.models.moonshine.model import END_TOKEN, Moonshine, select, warm_up
from lab_kit.models.store.store import ModelStore


def open_model() -> Moonshine:
    """The lab's default model, verified, loaded and warm.

    Raises:
        ModelStoreError: the weights are missing or damaged.
    """
    model = Moonshine(ModelStore().path("moonshine-tiny-en").paths, choose_device())
    warm_up(model)
    return model


def transcribe_together(model: Moonshine, clips: Sequence[FloatArray]) -> list[str]:
    """Transcribe clips as one batch: nobody joins, and all are answered when the last is done.

    Args:
        clips: (samples,) float32 in [-1, 1] at 16 kHz each; encoded one by one, since padding
            changes the encoder's answer, and decoded together.
    """
    choices, batch = model.prefill([model.encode(clip) for clip in clips])
    tokens = [[choice[-1].token] for choice in choices]
    going = list(range(len(clips)))  # the clip in each row of the batch
    while True:
        rows = [row for row, n in enumerate(going) if not _is_done(model, clips[n], tokens[n])]
        if not rows:
            return [model.text(spelled) for spelled in tokens]
        if len(rows) < len(going):
            batch, going = select(batch, rows), [going[row] for row in rows]
        for n, choice in zip(going, model.step(batch, [tokens[n][-1] for n in going]), strict=True):
            tokens[n].append(choice.token)


def _is_done(model: Moonshine, clip: FloatArray, tokens: list[int]) -> bool:
    return tokens[-1] == END_TOKEN or len(tokens) >= model.token_limit(len(clip))
