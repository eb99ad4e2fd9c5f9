"""Personal data in what people say: where it is in a text, and how it is taken out of sound."""
