"""Refusals of HTTP requests in OpenMeter's words."""

from fastapi import Request
from starlette.responses import JSONResponse

from lab_kit.core.errors import LabError
from lab_kit.core.ids import RequestId
from lab_kit.dialects.openmeter.errors import MEDIA_TYPE, refusal
from lab_kit.gateway.door.call import request_id_of
from lab_kit.gateway.door.provider_route import ProviderRoute
from lab_kit.gateway.door.uploads import retry_after


class OpenMeterErrors(ProviderRoute):
    """Errors in the provider's words."""

    def refused(self, request: Request, error: LabError) -> JSONResponse:
        """See `refused` of this module."""
        return refused(error, request_id_of(request))


def refused(error: LabError, request_id: RequestId) -> JSONResponse:
    """A request that is refused."""
    answer = refusal(error, str(request_id))
    return JSONResponse(answer.body, answer.status, retry_after(error), MEDIA_TYPE)
