"""A model behind a web framework as it is first written: load it, call it in the handler.

The handler is ``async`` and the call inside it is not, so while one request is computed the
process does nothing else: it does not read the next request, and does not say that it is alive.
One core works however many there are.
"""

from fastapi import FastAPI, Request

from lab_kit.audio.pcm import to_float
from lab_kit.experiments.frameworks.decoding import open_model, transcribe_together
from lab_kit.experiments.frameworks.framework import HEALTH_PATHS, PATHS, Framework


def naive_app() -> FastAPI:
    """The application, its model loaded.

    Raises:
        ModelStoreError: the weights are missing or damaged.
    """
    model = open_model()
    app = FastAPI()

    @app.get(HEALTH_PATHS[Framework.NAIVE])
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.post(PATHS[Framework.NAIVE])
    async def transcribe(request: Request) -> dict[str, str]:
        audio = to_float(await request.body(), "linear16")
        return {"text": transcribe_together(model, [audio])[0]}

    return app
