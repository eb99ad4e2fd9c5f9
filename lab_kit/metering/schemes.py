"""What six providers of speech ask for, as price books, and a seventh that is ours.

The rules are theirs: what is counted, in which units, with which minimum, for each channel or not.
The amounts are list prices in US dollars, as they stood where they were read; each scheme says
where and when, and which of it somebody else has read. Prices change often: these are there to
compare rules, not to choose a provider. All of them are taken to hold from the beginning of time.

What our events do not have is taken from what they have. A session that is billed as long as it is
open is billed by the sound that came, which is the same for a caller who sends at the pace of
speech. ``diarize``, ``entities`` and ``keyterms`` are features that our server does not have, and
that traffic which is made up may have asked for.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from lab_kit.metering.prices import (
    HOUR,
    MINUTE,
    SECOND,
    Measure,
    Price,
    PriceBook,
    PriceBooks,
    Tier,
    flat,
)
from lab_kit.metering.rating import Line, RequestUsage, rated

STREAM, SPEECH = ("stream",), ("speech",)
WHOLE = ("recording", "inference")
"""Kinds of work whose sound comes as a whole."""
UNDATED = "a copy without a date"


@dataclass(frozen=True, slots=True)
class Source:
    """Where something stands.

    Attributes:
        what: it says.
        read: the day on which it stood there, as far as that is known.
        is_secondary: another than the provider says what stood on the provider's page.
    """

    what: str
    url: str
    read: str
    is_secondary: bool = True


@dataclass(frozen=True, slots=True)
class Scheme:
    """What a provider asks for.

    Attributes:
        notes: what was not read, what sources do not agree about, and what is left out.
    """

    name: str
    prices: tuple[Price, ...]
    sources: tuple[Source, ...]
    notes: str = ""

    @property
    def books(self) -> PriceBooks:
        """Its only book."""
        urls = " ".join(source.url for source in self.sources)
        return PriceBooks([PriceBook(self.name, "USD", 0, self.prices, urls)])


@dataclass(frozen=True, slots=True)
class Priced:
    """The same usage by one scheme.

    Attributes:
        total: exact; a few requests cost less than a cent.
    """

    scheme: Scheme
    lines: tuple[Line, ...]

    @property
    def total(self) -> Decimal:
        """Of all lines, before any of them is rounded."""
        return sum((line.exact for line in self.lines), Decimal(0))


_GAUNTLET = "https://github.com/D3velop-llc/open-gauntlet-leaderboard/blob/main/data/asr.json"
_HAIL = "https://github.com/hail-hq/hail/blob/main/costs/stt.json"

DEEPGRAM = Scheme(
    "deepgram",
    (
        Price(
            "Nova-3, streaming",
            Measure.BILLED,
            MINUTE,
            flat("0.0048"),
            kinds=STREAM,
            is_per_channel=True,
        ),
        Price(
            "Nova-3, pre-recorded",
            Measure.BILLED,
            MINUTE,
            flat("0.0043"),
            kinds=WHOLE,
            is_per_channel=True,
        ),
        Price(
            "speaker diarization",
            Measure.BILLED,
            MINUTE,
            flat("0.0020"),
            kinds=(*STREAM, *WHOLE),
            feature="diarize",
            is_per_channel=True,
        ),
        Price("Aura-2, speech", Measure.CHARACTERS, 1_000, flat("0.030"), kinds=SPEECH),
    ),
    (
        Source("streaming, $0.0048 a minute", _GAUNTLET, "2026-08-01"),
        Source("pre-recorded, $0.0043, and diarization, $0.002 a minute", _HAIL, "2026-05-05"),
        Source(
            "Aura-2, $0.030 per 1,000 characters",
            "https://github.com/api-evangelist/deepgram/blob/main/plans/deepgram-plans-pricing.yml",
            "2026-05-04",
        ),
        Source(
            "multichannel is billed per channel",
            "https://mcp.directory/skills/deepgram-cost-tuning",
            "2026",
        ),
        Source(
            "requests are billed by the second: 26 s at $0.0044 a minute were $0.00191",
            "https://github.com/orgs/deepgram/discussions/249",
            UNDATED,
            False,
        ),
    ),
    "The provider's page itself could not be read. For pre-recorded sound the reading of 2026-08-01"
    " says $0.0077 a minute, those of 2026-05-05 and 2026-07-25 $0.0043.",
)

ASSEMBLYAI = Scheme(
    "assemblyai",
    (
        Price("Universal-Streaming", Measure.SUBMITTED, HOUR, flat("0.15"), SECOND, kinds=STREAM),
        Price("Universal-2", Measure.BILLED, HOUR, flat("0.15"), SECOND, kinds=WHOLE),
        Price(
            "speaker diarization, streaming",
            Measure.SUBMITTED,
            HOUR,
            flat("0.12"),
            SECOND,
            kinds=STREAM,
            feature="diarize",
        ),
        Price(
            "speaker diarization",
            Measure.BILLED,
            HOUR,
            flat("0.02"),
            SECOND,
            kinds=WHOLE,
            feature="diarize",
        ),
    ),
    (
        Source("$0.15 an hour for both; diarization $0.02 and $0.12", _GAUNTLET, "2026-08-01"),
        Source(
            "Universal-2, $0.15 an hour",
            "https://github.com/api-evangelist/assemblyai/blob/main/plans/assemblyai-plans-pricing.yml",
            "2026-10-07",
        ),
        Source(
            "recordings by the second; streams as long as the session is open; what fails is free",
            "https://assemblyai.com/docs/billing-and-pricing",
            UNDATED,
            False,
        ),
    ),
    "It speaks no texts. Sessions are billed while they are open, sound or none.",
)

GOOGLE = Scheme(
    "google",
    (
        Price(
            "Speech-to-Text V2",
            Measure.BILLED,
            MINUTE,
            (Tier(0, Decimal("0.016")), Tier(500_000 * MINUTE, Decimal("0.010"))),
            SECOND,
            kinds=(*STREAM, *WHOLE),
        ),
    ),
    (
        Source("$0.016 a minute, live and recorded, and less in tiers", _HAIL, "2026-05-19"),
        Source(
            "$0.016 a minute for the first 500,000 of a month, then $0.010",
            "https://cloud.google.com/speech-to-text/pricing",
            "2026-08-27",
        ),
    ),
    "Two further tiers, $0.008 and $0.004, begin where was not read, and are left out. How requests"
    " are rounded was not read either: whole seconds are taken; two older pages say 15 s. Whether"
    " each channel counts was not read: it does not here. Its speech has a price list of its own.",
)

AMAZON = Scheme(
    "amazon",
    (
        Price(
            "Transcribe, streaming",
            Measure.BILLED,
            MINUTE,
            flat("0.010"),
            SECOND,
            15 * SECOND,
            kinds=STREAM,
        ),
        Price(
            "Transcribe, batch",
            Measure.BILLED,
            MINUTE,
            flat("0.006"),
            SECOND,
            15 * SECOND,
            kinds=WHOLE,
        ),
        Price("Polly, generative voices", Measure.CHARACTERS, 10**6, flat("30"), kinds=SPEECH),
    ),
    (
        Source(
            "by the second, at least 15 s a request; two channels count once",
            "https://aws.amazon.com/cn/transcribe/pricing",
            UNDATED,
            False,
        ),
        Source(
            "US East, $0.006 a minute for batch and $0.01 for streaming",
            "https://aws.amazon.com/transcribe/pricing/",
            UNDATED,
        ),
        Source(
            "generative voices, $30 per million characters",
            "https://github.com/api-evangelist/amazon-polly/blob/main/plans/amazon-polly-plans-pricing.yml",
            "2026-10-07",
        ),
    ),
    "The amounts are those of the provider's example for US East, as two others have read it; one"
    " calls it an example for much use. Many pages have $0.024 a minute up to 250,000 a month."
    " Redaction costs extra; how much was not read.",
)

OPENAI = Scheme(
    "openai",
    (
        Price("gpt-realtime-whisper", Measure.BILLED, MINUTE, flat("0.017"), kinds=STREAM),
        Price("gpt-transcribe", Measure.BILLED, MINUTE, flat("0.0045"), kinds=WHOLE),
        Price("tts-1", Measure.CHARACTERS, 10**6, flat("15"), kinds=SPEECH),
    ),
    (
        Source(
            "$0.017 a minute",
            "https://developers.openai.com/api/docs/models/gpt-realtime-whisper",
            UNDATED,
            False,
        ),
        Source(
            "$0.0045 a minute",
            "https://developers.openai.com/api/docs/models/gpt-transcribe",
            UNDATED,
            False,
        ),
        Source(
            "a bill of $0.061425 for a text of 4,096 characters",
            "https://github.com/sanand0/blog/blob/main/posts/2025/openai-tts-cost.md",
            "2025-11-02",
        ),
    ),
    "How requests are rounded was not read: not at all is taken. gpt-4o-transcribe is sold by the"
    " million tokens, too; what is charged for sound does not fit the price a minute that the same"
    " provider estimates, and is left out.",
)

ELEVENLABS = Scheme(
    "elevenlabs",
    (
        Price("Scribe v2 Realtime", Measure.BILLED, HOUR, flat("0.39"), kinds=STREAM),
        Price("Scribe v2", Measure.BILLED, HOUR, flat("0.22"), kinds=WHOLE),
        Price(
            "entity detection", Measure.BILLED, HOUR, flat("0.070"), kinds=WHOLE, feature="entities"
        ),
        Price(
            "keyterm prompting",
            Measure.BILLED,
            HOUR,
            flat("0.050"),
            kinds=WHOLE,
            feature="keyterms",
        ),
        Price("Multilingual, speech", Measure.CHARACTERS, 1_000, flat("0.10"), kinds=SPEECH),
    ),
    (
        Source(
            "Scribe v2, $0.22 an hour, Realtime $0.39, entities $0.070, keyterms $0.050",
            "https://web.archive.org/web/20260827232044/https://elevenlabs.io/pricing/api",
            "2026-08-27",
        ),
        Source(
            "Multilingual, $0.10 per 1,000 characters",
            "https://developer.puter.com/tutorials/elevenlabs-api-pricing/",
            "2026-06",
        ),
    ),
    "How requests are rounded was not read: not at all is taken. Whether each channel counts was"
    " not read: it does not here.",
)

SIX: Sequence[Scheme] = (DEEPGRAM, ASSEMBLYAI, GOOGLE, AMAZON, OPENAI, ELEVENLABS)

HOUSE = Scheme(
    "house",
    (
        Price(
            "live sound",
            Measure.BILLED,
            MINUTE,
            (Tier(0, Decimal("0.0060")), Tier(100_000 * MINUTE, Decimal("0.0045"))),
            SECOND,
            kinds=STREAM,
            is_per_channel=True,
        ),
        Price("recorded sound", Measure.BILLED, HOUR, flat("0.24"), SECOND, kinds=("recording",)),
        Price(
            "redaction",
            Measure.BILLED,
            MINUTE,
            flat("0.0020"),
            SECOND,
            kinds=("stream", "recording"),
            feature="redact",
        ),
        Price("spoken text", Measure.CHARACTERS, 1_000, flat("0.030"), kinds=SPEECH),
        Price("raw inference", Measure.TOKENS, 10**6, flat("10"), kinds=("inference",)),
    ),
    (),
    "Prices that nobody asks for, with a rule of each kind.",
)
"""What the lab's own invoices are made with."""

ALL = {scheme.name: scheme for scheme in (HOUSE, *SIX)}


def side_by_side(
    usage: Iterable[RequestUsage], schemes: Sequence[Scheme] = SIX
) -> tuple[Priced, ...]:
    """What the same requests would cost in one period, by each scheme."""
    requests = list(usage)
    return tuple(Priced(scheme, tuple(rated(requests, scheme.books))) for scheme in schemes)
