"""Our own live stream, in the messages of `protocol.stream_messages`.

What may be asked (`options`), the server's side (`server`: a client's messages in, events out), the
client's (`client`: the server's messages as events) and how a stream ends (`errors`).
"""
