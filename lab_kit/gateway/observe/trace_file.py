"""Which file sampled traces go to, and how many of them."""

from dataclasses import dataclass
from pathlib import Path

from lab_kit.core.errors import InvalidParameter

DEFAULT_SHARE = 0.01
FILE_VARIABLE = "LAB_TRACE_FILE"
SHARE_VARIABLE = "LAB_TRACE_SHARE"


@dataclass(frozen=True, slots=True)
class TraceFile:
    """A file that sampled spans are appended to.

    Attributes:
        share: of streams and requests that are sampled.

    Raises:
        InvalidParameter: no such share.
    """

    path: Path
    share: float = DEFAULT_SHARE

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise InvalidParameter(
                f"a trace share of {self.share}",
                "0 to 1",
                f"set {SHARE_VARIABLE} to a share such as 0.1",
            )
