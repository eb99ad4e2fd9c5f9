"""What may be asked: the form of an upload.

Source: OpenAI (2025), API reference, "Create transcription"; as openai 3.57 sends and parses it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from lab_kit.core.errors import InvalidParameter
from lab_kit.protocol.form import Form, read_form
from lab_kit.protocol.imitated import check_imitated, check_language

PATH = "/v1/audio/transcriptions"
FORMATS = ("json", "verbose_json", "text", "srt", "vtt")
GRANULARITIES = ("word", "segment")
IMITATED = frozenset(
    {
        *("model", "response_format", "stream", "timestamp_granularities[]", "language"),
        "chunking_strategy",
    }
)
"""What has its effect, or none that could be seen: recordings are cut at their pauses anyway."""


@dataclass(frozen=True, slots=True)
class UploadOptions:
    """How a recording is to be answered.

    Attributes:
        granularities: what a ``verbose_json`` gives the times of, of `GRANULARITIES`.
        is_streamed: with events, each segment when it is done.
        fields: the form's values by name, the first of each, for what is not the provider's.
    """

    response_format: str
    granularities: frozenset[str]
    is_streamed: bool
    fields: Mapping[str, str]


def parse_form(content_type: str, body: bytes) -> tuple[UploadOptions, bytes]:
    """Read the form; fields that are not known are ignored, as the provider does.

    Returns:
        What is asked, and the recording, in whatever container it came.

    Raises:
        InvalidParameter: a field is missing, or asks for what cannot be given here; or there is
            more of it than `form.read_form` takes.
    """
    form = read_form(content_type, body, "file")
    if form.file is None:
        raise _missing("file")
    if "model" not in form.values:
        raise _missing("model")
    is_streamed = _first(form, "stream", "false").lower() == "true"
    fields = {name: values[0] for name, values in form.values.items()}
    chosen = _format(form)
    return UploadOptions(chosen, _granularities(form, chosen), is_streamed, fields), form.file


def check_fields(asked: UploadOptions) -> None:
    """Make sure that a form asks for nothing that is not imitated.

    Raises:
        InvalidParameter: it does.
    """
    check_imitated(asked.fields, IMITATED)
    check_language("language", asked.fields.get("language"))


def _missing(name: str) -> InvalidParameter:
    return InvalidParameter(
        f"no field '{name}'", "a form with file and model", f"add the field {name}"
    )


def _format(form: Form) -> str:
    chosen = _first(form, "response_format", "json")
    if chosen not in FORMATS:
        raise InvalidParameter(
            f"response_format '{chosen[:80]}'",
            f"one of {', '.join(FORMATS)}",
            "send one of these, or leave response_format out for json",
        )
    return chosen


def _granularities(form: Form, response_format: str) -> frozenset[str]:
    asked = form.values.get("timestamp_granularities[]", [])
    if strange := set(asked) - set(GRANULARITIES):
        raise InvalidParameter(
            f"timestamp_granularities[] '{min(strange)[:80]}'",
            f"one of {', '.join(GRANULARITIES)}, or both",
            "send these only",
        )
    if asked and response_format != "verbose_json":
        raise InvalidParameter(
            f"timestamp_granularities[] with response_format '{response_format}'",
            "verbose_json, which alone has a place for them",
            "send response_format=verbose_json",
        )
    return frozenset(asked or ["segment"])


def _first(form: Form, name: str, default: str) -> str:
    return form.values.get(name, [default])[0]
