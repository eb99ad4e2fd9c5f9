"""Pictures that move while a stream runs."""
