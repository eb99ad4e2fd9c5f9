"""Refusals of HTTP requests in AssemblyAI's words."""

from fastapi import Request
from starlette.responses import JSONResponse

from lab_kit.core.errors import LabError
from lab_kit.dialects.assemblyai.errors import refusal
from lab_kit.gateway.door.provider_route import ProviderRoute
from lab_kit.gateway.door.uploads import retry_after


class AssemblyAIErrors(ProviderRoute):
    """Errors in the provider's words."""

    def refused(self, request: Request, error: LabError) -> JSONResponse:
        """See `ProviderRoute`."""
        answer = refusal(error)
        return JSONResponse(answer.body, answer.status, retry_after(error))
