"""Our own resources over HTTP: `/v1/models` and `/v1/audio:transcribe`."""
