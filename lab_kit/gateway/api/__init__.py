"""Our own resources over HTTP."""
