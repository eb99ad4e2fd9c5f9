"""The callback that is named with a recording: it gets the answer once it is there."""

import json
from collections.abc import Mapping, Sequence

from lab_kit.database.rows import Rows
from lab_kit.dialects.deepgram import prerecorded
from lab_kit.gateway.transcriptions import transcripts
from lab_kit.gateway.transcriptions.operation import Operation
from lab_kit.gateway.webhooks import callbacks
from lab_kit.protocol.operations import OperationState

PROVIDER = "deepgram"


def write_query(query: Mapping[str, str], tags: Sequence[str]) -> str:
    """What was asked for, to be kept until the answer is written."""
    return json.dumps([dict(query), list(tags)])


def tell_of_recording(rows: Rows, operation: Operation) -> None:
    """Write the message about an operation that ends, where it is such a recording."""
    order = operation.order
    if order.foreign is None or order.foreign.provider != PROVIDER:
        return
    asked = prerecorded.parse_query(*json.loads(order.foreign.request))
    assert asked.callback is not None
    told, request_id = operation.message(), str(order.identity.request)
    if operation.state is OperationState.SUCCEEDED:
        said = transcripts.find(rows, order.tenant, operation.number)
        created = told.metadata.create_time
        body = prerecorded.later_response(asked, said, request_id, created)
    else:
        assert told.error is not None
        body = {
            "err_code": told.error.reason,
            "err_msg": told.error.message,
            "request_id": request_id,
        }
    callbacks.tell(rows, operation.number, asked.callback, {}, json.dumps(body))
