"""Amazon Transcribe's streams: over HTTP/2, as its SDKs have them, and over WebSockets."""
