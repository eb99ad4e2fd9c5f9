"""Where sound comes from: a microphone, a recording at the pace of speech, a caller's bytes."""
