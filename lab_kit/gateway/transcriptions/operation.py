"""What a server knows of an operation: what was asked for, by whom, and how far it is."""

from dataclasses import dataclass
from uuid import UUID

from lab_kit.audio.files import RawPcm
from lab_kit.core.clock import wall_clock_of
from lab_kit.core.ids import StreamIdentity, TenantId
from lab_kit.protocol import operations as told
from lab_kit.protocol.error_body import ErrorBody
from lab_kit.protocol.operations import OperationState


@dataclass(frozen=True, slots=True)
class Foreign:
    """What was asked for in a provider's words, for its answers to repeat.

    Attributes:
        provider: whose words they are.
        request: what was asked for, as that provider's dialect writes it.
    """

    provider: str
    request: str


@dataclass(frozen=True, slots=True)
class RedactedSound:
    """How a recording is to be given back without what is redacted of its text.

    Attributes:
        fill: what is heard instead, one of `stream.sink.sound.FILLS`.
        form: of the file, one of `transcriptions.redacted_file.FORMS`.
    """

    fill: str
    form: str


@dataclass(frozen=True, slots=True)
class Order:
    """What was asked for.

    Attributes:
        caller: by what name it takes turns.
        identity: of the call that asked, and of the sound that it brought.
        steps: optional steps that every result passes, by name.
        raw: what the sound is, where the file does not say so itself.
        url: where the sound is to be fetched; None where the caller brought it.
        foreign: None where it was asked for in our own words.
        model: which version does it, as `gateway.versions.asked` reads it; None for whose turn it
            is.
        from_s, to_s: of the recording, what is transcribed; None for its end. Times count from the
            recording's beginning all the same.
        subject: whom the sound is about; None for the tenant itself.
        redacted: how its sound is to be given back; None where it is not.
    """

    tenant: TenantId
    caller: str
    identity: StreamIdentity
    steps: tuple[str, ...]
    raw: RawPcm | None = None
    url: str | None = None
    foreign: Foreign | None = None
    from_s: float = 0.0
    to_s: float | None = None
    model: str | None = None
    subject: str | None = None
    redacted: RedactedSound | None = None


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation; its times are milliseconds since 1970.

    Attributes:
        number: names it, and what comes of it; numbers sort by age.
        audio_s: length of the recording; 0 before it is known.
        processed_s: of it, what is transcribed.
        segments: that are.
        attempts: how often it was begun since the last segment.
        error: why it ended otherwise than with a result.
    """

    number: UUID
    order: Order
    state: OperationState
    created_ms: int
    updated_ms: int
    expires_ms: int
    audio_s: float
    processed_s: float
    segments: int
    attempts: int
    error: ErrorBody | None

    @property
    def name(self) -> str:
        """As a resource."""
        return f"operations/{self.number}"

    @property
    def transcription(self) -> str:
        """The name of what comes of it."""
        return f"transcriptions/{self.number}"

    def message(self) -> told.Operation:
        """As our own API tells of it."""
        succeeded = self.state is OperationState.SUCCEEDED
        return told.Operation(
            self.name,
            told.OperationProgress(
                self.state,
                wall_clock_of(self.created_ms),
                wall_clock_of(self.updated_ms),
                wall_clock_of(self.expires_ms),
                self.audio_s,
                self.processed_s,
            ),
            self.state.is_done,
            self.error,
            told.OperationResult(self.transcription) if succeeded else None,
        )
