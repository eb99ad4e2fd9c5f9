"""What a stream is asked for: options from the query of its address, and the query from options."""

from collections.abc import Mapping

from lab_kit.audio.codecs import LIVE_ENCODINGS, check_encoding
from lab_kit.core.errors import InvalidParameter
from lab_kit.core.events import PriorityClass, StreamOptions
from lab_kit.core.personal_data import REDACT, PersonalKind, redact_value, redaction_of
from lab_kit.core.units import SAMPLE_RATE_HZ
from lab_kit.protocol.imitated import check_imitated, check_language

PATH = "/v1/listen"
RTC_PATH = "/v1/rtc"
"""Ours: the provider has no WebRTC."""
DEFAULT_ENDPOINT_MS = 200
"""The provider's own default is 10 ms, after a smoothing of its own."""
MIN_ENDPOINT_S = 0.1
"""Shorter silences lie inside words; a smaller ``endpointing`` is raised to this."""
MIN_UTTERANCE_END_S = 1.0
MAX_CHANNELS = 8
PRIORITY = "lab_priority"
"""A query parameter of ours: `events.PriorityClass` by name."""
INTERIM_WORDS = "lab_interim_words"
"""Another: ``false`` leaves interims without the times of their words, which the provider's have
and which take a twentieth of an interim's time."""
EOT_TIMEOUT = "lab_eot_timeout_ms"
"""Two more, by the names that the provider's later API has for them: silence that ends what does
not sound finished, and from what probability on something does. Without the first, silence alone
decides. [Source: Deepgram (2025), "Configuring end-of-turn detection"]"""
EOT_THRESHOLD = "lab_eot_threshold"
MAX_EOT_TIMEOUT_MS = 10_000
_EXAMPLES = {
    "sample_rate": 16_000,
    "channels": 1,
    "endpointing": 200,
    "utterance_end_ms": 1_000,
    EOT_TIMEOUT: 1_000,
}
IMITATED = frozenset(
    {
        *("model", "version", "encoding", "sample_rate", "channels", "interim_results"),
        *("endpointing", "utterance_end_ms", "vad_events", "language", "tag", "mip_opt_out"),
    }
)
"""Of a live stream: what has its effect, or none that could be seen."""
_SWITCHES = ("punctuate", "numerals")
_REDACTED = {
    "pci": (PersonalKind.CARD, PersonalKind.ACCOUNT),
    "ssn": (PersonalKind.NATIONAL_NUMBER,),
    "numbers": (
        PersonalKind.CARD,
        PersonalKind.PHONE,
        PersonalKind.NATIONAL_NUMBER,
        PersonalKind.DATE_OF_BIRTH,
        PersonalKind.ACCOUNT,
    ),
    "credit_card": (PersonalKind.CARD,),
    "cvv": (PersonalKind.ACCOUNT,),
    "account_number": (PersonalKind.ACCOUNT,),
    "bank_account": (PersonalKind.ACCOUNT,),
    "passport_number": (PersonalKind.ACCOUNT,),
    "driver_license": (PersonalKind.ACCOUNT,),
    "phone_number": (PersonalKind.PHONE,),
    "email_address": (PersonalKind.EMAIL,),
    "dob": (PersonalKind.DATE_OF_BIRTH,),
    "location_address": (PersonalKind.ADDRESS,),
    "name": (PersonalKind.NAME,),
    **{kind.value: (kind,) for kind in PersonalKind},
}
"""The provider's groups and entities that have a kind of ours, and our kinds by their own names.
[Source: Deepgram (2025), "Redaction" and "Supported entity types"]"""


def parse_query(query: Mapping[str, str]) -> StreamOptions:
    """The options of a stream from its query; unknown names are ignored, as the provider does.

    Raises:
        InvalidParameter: a value has no meaning, or the encoding is missing or not spoken here.
        UnsupportedSampleRate: see `audio.codecs.check_encoding`.
    """
    encoding = query.get("encoding")
    if encoding is None:
        raise InvalidParameter(
            "no encoding, which announces a container file",
            f"live audio here is raw: one of {', '.join(sorted(LIVE_ENCODINGS))}",
            "add encoding and sample_rate, or upload the file to /v1/audio:transcribe",
        )
    check_encoding(encoding, SAMPLE_RATE_HZ)  # before its rate: an unknown one has none
    rate_hz = read_integer(query, "sample_rate", None)
    channels = read_integer(query, "channels", 1, lowest=1, highest=MAX_CHANNELS)
    has_interims = read_boolean(query, "interim_results")
    check_encoding(encoding, rate_hz, channels)
    return StreamOptions(
        encoding=encoding,
        sample_rate_hz=rate_hz,
        channels=channels,
        interim_results=has_interims,
        endpoint_silence_s=_endpointing(query),
        utterance_end_s=_utterance_end(query),
        speech_events=read_boolean(query, "vad_events"),
        priority_class=_priority(query),
        postprocess=asked_steps(query),
        interim_words=read_boolean(query, INTERIM_WORDS, "true") and has_interims,
        unfinished_silence_s=_eot_timeout(query),
        finished_probability=_eot_threshold(query),
    )


def check_query(query: Mapping[str, str]) -> None:
    """Make sure that a stream asks for nothing that is not imitated.

    Raises:
        InvalidParameter: it does.
    """
    check_imitated(query, IMITATED)
    check_language("language", query.get("language"))


def query_for(options: StreamOptions, model: str) -> dict[str, str]:
    """The query that asks for ``options``."""
    silence_s, gap_s = options.endpoint_silence_s, options.utterance_end_s
    query = {
        "model": model,
        "encoding": options.encoding,
        "sample_rate": str(options.sample_rate_hz),
        "channels": str(options.channels),
        "interim_results": _spelled(options.interim_results),
        "vad_events": _spelled(options.speech_events),
        "endpointing": "false" if silence_s is None else str(round(silence_s * 1000)),
    }
    if options.priority_class is not PriorityClass.INTERACTIVE:
        query[PRIORITY] = options.priority_class
    if options.interim_results and not options.interim_words:
        query[INTERIM_WORDS] = _spelled(options.interim_words)
    if options.unfinished_silence_s is not None:
        query[EOT_TIMEOUT] = str(round(options.unfinished_silence_s * 1000))
        query[EOT_THRESHOLD] = str(options.finished_probability)
    query |= {name: "true" for name in _SWITCHES if name in options.postprocess}
    if REDACT in options.postprocess:
        query[REDACT] = redact_value(options.postprocess)
    if gap_s is not None:
        query["utterance_end_ms"] = str(round(gap_s * 1000))
    return query


def read_integer(
    query: Mapping[str, str], name: str, default: int | None, lowest: int = 0, highest: int = 10**9
) -> int:
    """A whole number of a query.

    Raises:
        InvalidParameter: it is none, out of bounds, or missing where there is no default.
    """
    text = query.get(name)
    if text is None and default is not None:
        return default
    try:
        value = int(text or "")
    except ValueError:
        value = lowest - 1
    if not lowest <= value <= highest:
        limits = f"{lowest:,} to {highest:,}" if highest < 10**9 else f"at least {lowest:,}"
        got = "is missing" if text is None else f"is '{text}'"
        raise InvalidParameter(
            f"{name} {got}",
            f"a whole number, {limits}",
            f"send {name} as digits, such as {name}={_EXAMPLES[name]}",
        )
    return value


def read_boolean(query: Mapping[str, str], name: str, default: str = "false") -> bool:
    """A switch of a query.

    Raises:
        InvalidParameter: it is neither true nor false.
    """
    text = query.get(name, default).lower()
    if text not in ("true", "false"):
        raise InvalidParameter(
            f"{name} is '{text}'",
            "true or false",
            f"send {name}=true or {name}=false, or leave it out for {default}",
        )
    return text == "true"


def _endpointing(query: Mapping[str, str]) -> float | None:
    if query.get("endpointing", "").lower() == "false":
        return None
    asked_ms = read_integer(query, "endpointing", DEFAULT_ENDPOINT_MS)
    return max(MIN_ENDPOINT_S, asked_ms / 1000)


def _eot_timeout(query: Mapping[str, str]) -> float | None:
    if EOT_TIMEOUT not in query:
        return None
    if query.get("endpointing", "").lower() == "false":
        raise InvalidParameter(
            f"{EOT_TIMEOUT} with endpointing=false",
            "utterances that are ended at all",
            f"leave out {EOT_TIMEOUT}, or set endpointing to milliseconds",
        )
    lowest = round(MIN_ENDPOINT_S * 1000)
    return read_integer(query, EOT_TIMEOUT, None, lowest, MAX_EOT_TIMEOUT_MS) / 1000


def _eot_threshold(query: Mapping[str, str]) -> float:
    text = query.get(EOT_THRESHOLD, str(StreamOptions().finished_probability))
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise InvalidParameter(
            f"{EOT_THRESHOLD} is '{text}'", "a probability, 0 to 1", f"send {EOT_THRESHOLD}=0.5"
        )
    return value


def _utterance_end(query: Mapping[str, str]) -> float | None:
    if "utterance_end_ms" not in query:
        return None
    value_s = read_integer(query, "utterance_end_ms", None) / 1000
    if value_s < MIN_UTTERANCE_END_S:
        raise InvalidParameter(
            f"utterance_end_ms is {value_s * 1000:.0f}",
            "at least 1000",
            "send utterance_end_ms=1000 or more, or leave it out",
        )
    if not read_boolean(query, "interim_results"):
        raise InvalidParameter(
            "utterance_end_ms without interim_results",
            "the gap is measured between results",
            "add interim_results=true",
        )
    return value_s


def _priority(query: Mapping[str, str]) -> PriorityClass:
    asked = query.get(PRIORITY, PriorityClass.INTERACTIVE)
    try:
        return PriorityClass(asked)
    except ValueError as error:
        known = ", ".join(PriorityClass)
        raise InvalidParameter(
            f"{PRIORITY} is '{asked}'",
            f"one of {known}",
            f"send one of these, or leave {PRIORITY} out for {PriorityClass.INTERACTIVE}",
        ) from error


def asked_steps(query: Mapping[str, str]) -> tuple[str, ...]:
    """The steps that are asked for; what ``redact`` names and we do not know is every kind."""
    steps = [name for name in _SWITCHES if read_boolean(query, name)]
    return (*steps, *_redaction(query.get(REDACT, "false").lower()))


def _redaction(value: str) -> tuple[str, ...]:
    if value == "false":
        return ()
    names = [name.strip() for name in value.split(",")]
    if not all(name in _REDACTED for name in names):
        return redaction_of()
    return redaction_of(kind for name in names for kind in _REDACTED[name])


def _spelled(value: bool) -> str:
    return "true" if value else "false"
