"""Amazon Transcribe's streams: event-stream frames, over HTTP/2 and over WebSockets.

A frame is what `event_stream` reads and writes. Whoever sends one signs it, and the request before
it; `signature` checks both. What a stream is asked for is in `options`, the server's side in
`server`, a client's in `client`, our errors in the provider's words in `errors`.

Source: Amazon Web Services (2025), Amazon Transcribe Developer Guide, "Setting up a streaming
transcription", and Streaming API reference, StartStreamTranscription; names and strictness as
amazon-transcribe 0.6.4 has them.
"""
