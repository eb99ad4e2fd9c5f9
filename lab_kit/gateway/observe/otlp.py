"""Spans to a collector, by OpenTelemetry's own protocol over HTTP (OTLP).

What cannot be sent is lost, and that is told: a server does not wait for whoever watches it.

Source: OpenTelemetry, "OTLP Specification", opentelemetry.io/docs/specs/otlp.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias
from urllib.parse import urlsplit

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from lab_kit.core.errors import ConnectionFailed, InvalidParameter, NotInstalled

TRACES_PATH = "/v1/traces"
TIMEOUT_S = 3.0
"""For one batch, tries included: so long at most does a server that stops wait for a collector."""
Note: TypeAlias = Callable[[str, BaseException], None]


class ToCollector(SpanExporter):
    """Sends batches of spans; called on a thread of its own.

    Args:
        url: the collector's, such as ``http://127.0.0.1:4318``.
        note: told, with the task's name, when a batch could not be sent.

    Raises:
        InvalidParameter: no address over HTTP.
        NotInstalled: this installation was made without the exporter.
    """

    def __init__(self, url: str, note: Note) -> None:
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        except ModuleNotFoundError as error:
            package = "opentelemetry-exporter-otlp-proto-http"
            raise NotInstalled.extra("--otlp", package, "otlp") from error
        self.endpoint = traces_endpoint(url)
        self._sends = OTLPSpanExporter(endpoint=self.endpoint, timeout=TIMEOUT_S)
        self._note = note

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send them."""
        sent = self._sends.export(spans)
        if sent is not SpanExportResult.SUCCESS:
            lost = ConnectionFailed(
                f"{len(spans)} spans that {self.endpoint} did not take",
                "a collector that answers 200",
                "look whether it runs",
            )
            self._note("otlp", lost)
        return sent

    def shutdown(self) -> None:
        """Give up what is being tried again."""
        self._sends.shutdown()  # type: ignore[no-untyped-call]


def traces_endpoint(url: str) -> str:
    """Where a collector takes spans: a path that is given stays, else it is the protocol's own.

    Raises:
        InvalidParameter: no address over HTTP.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InvalidParameter(
            f"the collector {url!r:.80}", "http:// or https:// and a host", "name such an address"
        )
    return url if parts.path.strip("/") else f"{url.rstrip('/')}{TRACES_PATH}"
