"""The broken relay: it clicks, half repairs click still, the right one gives every byte back."""

from collections.abc import Callable
from pathlib import Path

import pytest
import soundfile
from made_clips import clip

from lab_kit.core.call_record import StreamCall
from lab_kit.core.errors import ConnectionFailed
from lab_kit.datasets import Clip, Word
from lab_kit.experiments.sound import clicking, clicks, stream_pieces
from lab_kit.experiments.sound.clicking import HEADER_BYTES, PieceSource, as_pcm16


@pytest.fixture
def spoken(tmp_path: Path) -> Clip:
    return clip(tmp_path, (Word("yes", 0.5, 1.5),), 2.0)


def stripped(pieces: list[bytes]) -> list[bytes]:
    return [piece[HEADER_BYTES:] for piece in pieces]


def evened(pieces: list[bytes]) -> list[bytes]:
    return [piece[: len(piece) // 2 * 2] for piece in pieces]


def test_each_piece_is_a_whole_wav_file_but_for_half_a_sample(spoken: Clip) -> None:
    pieces = clicking(spoken)
    assert all(len(piece) % 2 for piece in pieces[:-1])
    assert pieces[0][:4] == b"RIFF"
    assert b"".join(stripped(pieces)) == spoken.pcm16


def test_a_header_is_what_other_software_takes_for_one(spoken: Clip, tmp_path: Path) -> None:
    path = tmp_path / "piece.wav"
    path.write_bytes(clicking(spoken)[0][:-1])
    with soundfile.SoundFile(path) as sound:
        assert (sound.samplerate, sound.channels, sound.subtype) == (16_000, 1, "PCM_16")


@pytest.mark.parametrize(
    ("repair", "is_right"),
    [
        (lambda pieces: pieces, False),
        (evened, False),
        (lambda pieces: evened(stripped(pieces)), False),
        (stripped, True),  # the same bytes in the same order; only a live server minds the cuts
    ],
)
def test_clicks_are_counted(
    spoken: Clip, repair: Callable[[list[bytes]], list[bytes]], is_right: bool
) -> None:
    heard = as_pcm16(repair(clicking(spoken)))
    assert (clicks(heard, spoken.samples) == 0) is is_right


class Refuses:
    async def stream(self, clip: object, /) -> StreamCall:
        raise ConnectionFailed("the stream was closed: 1008", "CloseStream", "see the reason")


async def test_a_refusal_is_an_answer() -> None:
    heard = await stream_pieces(Refuses(), [b"abc"])
    assert heard.text == ""
    assert "1008" in (heard.refusal or "")


def test_pieces_are_due_when_their_bytes_would_have_sounded() -> None:
    chunks = list(PieceSource("x", (bytes(3_200), bytes(1_600))).chunks())
    assert [chunk.end_s for chunk in chunks] == [0.1, 0.15]
