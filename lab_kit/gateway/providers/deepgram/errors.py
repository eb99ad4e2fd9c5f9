"""Refusals of HTTP requests in Deepgram's words."""

from fastapi import Request
from starlette.responses import JSONResponse

from lab_kit.core.errors import LabError
from lab_kit.dialects import deepgram
from lab_kit.gateway.door.call import request_id_of
from lab_kit.gateway.door.provider_route import ProviderRoute


class DeepgramErrors(ProviderRoute):
    """Errors in the provider's words."""

    def refused(self, request: Request, error: LabError) -> JSONResponse:
        """See `ProviderRoute`."""
        answer = deepgram.refusal(error, str(request_id_of(request)))
        return JSONResponse(answer.body, answer.status, answer.headers)
