"""What may be asked: the form of a recording."""

from collections.abc import Mapping
from dataclasses import dataclass

from lab_kit.core.errors import InvalidParameter
from lab_kit.core.shown import shown
from lab_kit.dialects.elevenlabs.errors import Unprocessable
from lab_kit.protocol.form import read_form
from lab_kit.protocol.imitated import check_imitated, check_language

PATH = "/v1/speech-to-text"
FILE_FORMATS = ("other", "pcm_s16le_16")
RAW_HZ = 16_000
"""Of the second of them: bare samples, one channel."""
GRANULARITIES = ("none", "word")
IMITATED = frozenset(
    {
        *("model_id", "language_code", "timestamps_granularity", "file_format", "seed"),
        *("enable_logging", "temperature"),
    }
)
"""What has its effect, or none that could be seen: the model always takes its most probable text,
as with a temperature of 0."""
NOT_GIVEN = {
    "cloud_storage_url": "a recording that is fetched",
    "source_url": "a recording that is fetched",
    "webhook": "an answer to a webhook",
    "use_multi_channel": "a transcript for each channel",
}
"""Asked for, they would need another kind of answer than there is."""
_OFF = ("", "false", "null")


@dataclass(frozen=True, slots=True)
class RecordingOptions:
    """How a recording is to be answered.

    Attributes:
        has_times: words with their times.
        is_raw: the file is bare samples.
        fields: the form's values by name, the first of each.
    """

    has_times: bool
    is_raw: bool
    fields: Mapping[str, str]


def parse_form(content_type: str, body: bytes) -> tuple[RecordingOptions, bytes]:
    """Read the form; fields that are not known are ignored.

    Returns:
        What is asked, and the recording.

    Raises:
        InvalidParameter: a field is missing, or asks for what cannot be given here; or there is
            more of it than `form.read_form` takes.
    """
    form = read_form(content_type, body, "file")
    fields = {name: values[0] for name, values in form.values.items()}
    for name, what in NOT_GIVEN.items():
        if fields.get(name, "").lower() not in _OFF:
            raise InvalidParameter(
                f"{name}={shown(fields[name])}: {what}, which this server does not give",
                "one transcript of the file in the form, as the answer",
                f"leave {name} out",
            )
    if not fields.get("model_id"):
        raise _missing("model_id")
    if form.file is None:
        raise _missing("file")
    granularity = _one_of(fields, "timestamps_granularity", "word", GRANULARITIES)
    file_format = _one_of(fields, "file_format", "other", FILE_FORMATS)
    return RecordingOptions(granularity == "word", file_format != "other", fields), form.file


def check_fields(asked: RecordingOptions, query: Mapping[str, str]) -> None:
    """Make sure that a request asks for nothing that is not imitated.

    Raises:
        InvalidParameter: it does.
    """
    check_imitated({**query, **asked.fields}, IMITATED)
    check_language("language_code", asked.fields.get("language_code"))


def _one_of(fields: Mapping[str, str], name: str, usual: str, known: tuple[str, ...]) -> str:
    value = fields.get(name, usual)
    if value not in known:
        raise Unprocessable(
            ("body", name),
            f"{name}={shown(value)}",
            f"one of {', '.join(known)}",
            f"send one of these, or leave it out for {usual}",
        )
    return value


def _missing(name: str) -> Unprocessable:
    return Unprocessable(
        ("body", name), f"no field '{name}'", "a form with file and model_id", f"add {name}"
    )
