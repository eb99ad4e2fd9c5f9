"""`POST /v1/audio/transcriptions`: a form in, five kinds of answer and an event stream out."""
