"""Scale: a reader's own server measured, what a model then says of more streams, and its judge."""
