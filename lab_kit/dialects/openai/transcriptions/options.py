"""What may be asked: the form of an upload.

The form is read with the standard library's MIME parser. Segments have times; words have none,
since this model gives none, so a request for them is refused rather than answered with inventions.

Source: OpenAI (2025), API reference, "Create transcription"; as openai 3.57 sends and parses it.
"""

from dataclasses import dataclass
from email.parser import BytesParser
from email.policy import HTTP

from lab_kit.core.errors import InvalidParameter

PATH = "/v1/audio/transcriptions"
FORMATS = ("json", "verbose_json", "text", "srt", "vtt")


@dataclass(frozen=True, slots=True)
class Upload:
    """A request.

    Attributes:
        file: the recording, in whatever container it came.
        is_streamed: answer with events, each segment when it is done.
    """

    file: bytes
    response_format: str
    is_streamed: bool


def parse_form(content_type: str, body: bytes) -> Upload:
    """Read the form; fields that are not known are ignored, as the provider does.

    Raises:
        InvalidParameter: a field is missing, or asks for what cannot be given here.
    """
    head = b"Content-Type: " + content_type.encode("latin-1", errors="replace") + b"\r\n\r\n"
    form = BytesParser(policy=HTTP).parsebytes(head + body)
    fields: dict[str, list[bytes]] = {}
    for part in form.iter_parts():
        name = str(part.get_param("name", "", header="content-disposition"))
        content = part.get_payload(decode=True)
        fields.setdefault(name, []).append(content if isinstance(content, bytes) else b"")
    file, _ = _needed(fields, "file"), _needed(fields, "model")
    wanted = [one.decode(errors="replace") for one in fields.get("timestamp_granularities[]", [])]
    if "word" in wanted:
        raise InvalidParameter(
            "timestamp_granularities[] asks for word",
            "segment: this model gives no times of words",
            "send timestamp_granularities[]=segment only",
        )
    return Upload(file, _format(fields), _text(fields, "stream", "false").lower() == "true")


def _needed(fields: dict[str, list[bytes]], name: str) -> bytes:
    if not fields.get(name):
        raise InvalidParameter(
            f"no field '{name}'", "a form with file and model", f"add the field {name}"
        )
    return fields[name][0]


def _format(fields: dict[str, list[bytes]]) -> str:
    chosen = _text(fields, "response_format", "json")
    if chosen not in FORMATS:
        raise InvalidParameter(
            f"response_format '{chosen}'",
            f"one of {', '.join(FORMATS)}",
            "send one of these, or leave response_format out for json",
        )
    return chosen


def _text(fields: dict[str, list[bytes]], name: str, default: str) -> str:
    return fields[name][0].decode(errors="replace") if fields.get(name) else default
