"""What changed between two descriptions of one interface, and which clients it breaks.

`openapi`, `messages` (AsyncAPI) and `protobuf` each compare two documents of their kind; `rules`
says of every kind of difference what it means, once for what clients send and once for what they
read. Pure: documents in, `Change`s out.
"""
