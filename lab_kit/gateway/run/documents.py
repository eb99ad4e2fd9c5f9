"""What the server says of itself: ``/openapi.json``, and ``/docs`` to read and try it without a
network; of its sockets, which OpenAPI does not know, ``/asyncapi.json`` [Source: AsyncAPI 3.0].
"""

import json
from importlib.resources import as_file, files
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.openapi.utils import get_openapi
from starlette.responses import FileResponse, HTMLResponse, Response

from lab_kit.core.errors import UnknownPath
from lab_kit.gateway.door.public import PUBLIC_PATHS
from lab_kit.protocol.deprecations import GUIDE_PATH
from lab_kit.protocol.stream_document import with_own_stream

SCHEMA_PATH = "/openapi.json"
SOCKETS_PATH = "/asyncapi.json"
PAGE_PATH = "/docs"
_FILES = ("swagger-ui-bundle.js", "swagger-ui.css", "favicon.png")
_SCHEME = {
    "type": "apiKey",
    "in": "header",
    "name": "Authorization",
    "description": "`Token KEY` or `Bearer KEY`; the operator's API takes the operator's key.",
}


def documentation_routes() -> APIRouter:
    """The page and the files that it loads, which a package brings [Source: fastapi-offline]."""
    router = APIRouter(include_in_schema=False)

    @router.get(PAGE_PATH)
    def page() -> HTMLResponse:
        """Swagger UI on the server's own schema."""
        script, style, icon = (f"{PAGE_PATH}/{name}" for name in _FILES)
        return get_swagger_ui_html(
            openapi_url=SCHEMA_PATH,
            title="lab_kit",
            swagger_js_url=script,
            swagger_css_url=style,
            swagger_favicon_url=icon,
        )

    written = json.loads(files(__package__).joinpath("asyncapi.json").read_bytes())
    sockets = json.dumps(with_own_stream(written)).encode()

    @router.get(SOCKETS_PATH)
    def asyncapi() -> Response:
        """The sockets: their messages, both ways."""
        return Response(sockets, media_type="application/json")

    guide = files(__package__).joinpath(f"{GUIDE_PATH.rpartition('/')[2]}.md").read_bytes()

    @router.get(GUIDE_PATH)
    def guide_to_v2() -> Response:
        """How clients of the first version get to the second."""
        return Response(guide, media_type="text/markdown")

    @router.get(f"{PAGE_PATH}/{{name}}")
    def file(name: str) -> FileResponse:
        """One of the page's files."""
        if name not in _FILES:
            raise UnknownPath(
                f"the file {name[:80]}", f"one of {', '.join(_FILES)}", f"open {PAGE_PATH}"
            )
        with as_file(files("fastapi_offline") / "static" / name) as path:
            return FileResponse(path)

    return router


def describe(app: FastAPI) -> None:
    """Have the schema say which ways in ask for a key."""

    def schema() -> dict[str, Any]:
        if app.openapi_schema is None:
            made = get_openapi(
                title=app.title,
                version=app.version,
                description=app.description,
                routes=app.routes,
            )
            made["components"]["securitySchemes"] = {"key": _SCHEME}
            for path, operations in made["paths"].items():
                for operation in operations.values():
                    operation["security"] = [] if path in PUBLIC_PATHS else [{"key": []}]
            app.openapi_schema = made
        return app.openapi_schema

    app.openapi = schema  # type: ignore[method-assign]
