"""What a session is asked for: the options of a stream from a request, and the other way round."""

from collections.abc import Mapping

from pydantic import ValidationError

from lab_kit.audio.codecs import check_encoding
from lab_kit.core.errors import InvalidParameter
from lab_kit.core.events import StreamOptions
from lab_kit.core.personal_data import REDACT, parse_redact, redact_value
from lab_kit.protocol.stream_messages import StreamRequest

LEAST_SILENCE_S = 0.1
"""Shorter silences lie inside words."""
MOST_SILENCE_S = 10.0
MOST_CHANNELS = 8
KINDS = "redact_kinds"
_SWITCHES = ("punctuate", "numerals")


def request_of(query: Mapping[str, str]) -> StreamRequest:
    """A request from the query of an address.

    Raises:
        InvalidParameter: a name that is not known, or a value that does not fit.
    """
    try:
        return StreamRequest.model_validate(_narrowed(query))
    except ValidationError as error:
        raise _does_not_fit(error) from error


def _narrowed(query: Mapping[str, str]) -> dict[str, str]:
    """The query as the fields of a request: an address says ``redact=card,phone`` in one."""
    fields = dict(query)
    if str(fields.get(REDACT, "")).lower() not in ("", "true", "false"):
        fields[REDACT], fields[KINDS] = "true", fields[REDACT]
    return fields


def read_request(body: bytes) -> StreamRequest:
    """A request from JSON; nothing at all asks for what is usual.

    Raises:
        InvalidParameter: it does not fit.
    """
    try:
        return StreamRequest.model_validate_json(body or b"{}")
    except ValidationError as error:
        raise _does_not_fit(error) from error


def _does_not_fit(error: ValidationError) -> InvalidParameter:
    wrong = error.errors(include_input=False, include_url=False)[0]
    name = ".".join(map(str, wrong["loc"]))[:80] or "the request"
    return InvalidParameter(
        f"{name}: {wrong['msg']}",
        f"any of {', '.join(StreamRequest.model_fields)}",
        "send these as the schema has them, and no others",
    )


def options_of(request: StreamRequest) -> StreamOptions:
    """The options that a request asks for.

    Raises:
        InvalidParameter: a value is out of bounds, or the encoding is not spoken here.
        UnsupportedSampleRate: see `audio.codecs.check_encoding`.
    """
    for name in ("endpoint_silence_s", "unfinished_silence_s"):
        if getattr(request, name):
            _check_bounds(name, getattr(request, name), LEAST_SILENCE_S, MOST_SILENCE_S)
    _check_bounds("channels", request.channels, 1, MOST_CHANNELS)
    check_encoding(request.encoding, request.sample_rate_hz, request.channels)
    return StreamOptions(
        encoding=request.encoding,
        sample_rate_hz=request.sample_rate_hz,
        channels=request.channels,
        interim_results=request.interim_results,
        endpoint_silence_s=request.endpoint_silence_s or None,
        priority_class=request.priority_class,
        postprocess=_steps(request),
        interim_words=request.interim_words and request.interim_results,
        unfinished_silence_s=request.unfinished_silence_s or None,
        finished_probability=request.finished_probability,
    )


def request_for(options: StreamOptions, model: str = "") -> StreamRequest:
    """The request that asks for ``options``; speech marks are always told, gaps never."""
    return StreamRequest(
        model=model,
        encoding=options.encoding,
        sample_rate_hz=options.sample_rate_hz,
        channels=options.channels,
        interim_results=options.interim_results,
        interim_words=options.interim_words,
        endpoint_silence_s=options.endpoint_silence_s or 0.0,
        unfinished_silence_s=options.unfinished_silence_s or 0.0,
        finished_probability=options.finished_probability,
        priority_class=options.priority_class,
        **{step: step in options.postprocess for step in _SWITCHES},
        redact=REDACT in options.postprocess,
        redact_kinds=_kinds(options.postprocess),
    )


def _steps(request: StreamRequest) -> tuple[str, ...]:
    """The optional steps that a request asks for.

    Raises:
        InvalidParameter: a kind of personal data that is not known.
    """
    switched = tuple(step for step in _SWITCHES if getattr(request, step))
    return switched + (parse_redact(request.redact_kinds or "true") if request.redact else ())


def _kinds(steps: tuple[str, ...]) -> str:
    """The kinds that redaction is narrowed to; none where it is not."""
    value = redact_value(steps)
    return "" if value in ("true", "false") else value


def query_for(request: StreamRequest) -> dict[str, str]:
    """The request as the query of an address: what differs from the default."""
    asked = request.model_dump(mode="json", exclude_defaults=True)
    return {name: _spelled(value) for name, value in asked.items()}


def _spelled(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _check_bounds(name: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise InvalidParameter(
            f"{name}={value:g}", f"from {least:g} to {most:g}", "choose one between these"
        )
