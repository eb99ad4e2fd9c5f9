"""The webhook that is named with a transcript: told once how it ended."""

import json

from lab_kit.database.rows import Rows
from lab_kit.dialects.assemblyai.options import PROVIDER, Asked
from lab_kit.dialects.assemblyai.server import status_of
from lab_kit.gateway.transcriptions.operation import Operation
from lab_kit.gateway.webhooks import callbacks


def tell_of_transcript(rows: Rows, operation: Operation) -> None:
    """Write the message about an operation that ends, where it is such a transcript and names a
    webhook."""
    foreign = operation.order.foreign
    if foreign is None or foreign.provider != PROVIDER:
        return
    asked = Asked.read(foreign.request)
    if asked.webhook_url is not None:
        told = {"transcript_id": str(operation.number), "status": status_of(operation.message())}
        headers, body = asked.webhook_headers, json.dumps(told)
        callbacks.tell(rows, operation.number, asked.webhook_url, headers, body)
