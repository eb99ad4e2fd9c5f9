"""Header bytes: what a wire adds to every message, whatever is in it.

Arithmetic from the standards, for one message that fits a packet of Ethernet's size, without
options and without acknowledgements.
"""

from dataclasses import dataclass

SHORT_MESSAGE_BYTES = 125
"""Of a WebSocket's message: longer ones say their length in two more bytes."""
PACKET_BYTES = 1_460
"""TCP's share of an Ethernet frame over IPv4: 1,500 less two headers of 20."""


@dataclass(frozen=True, slots=True)
class HeaderStack:
    """A stack of headers.

    Attributes:
        per_message: bytes around each message.
        per_long_message: more of them around one of more than 125 bytes, whose length takes longer
            to say.
        per_packet: bytes around each packet; a large message takes several.
    """

    name: str
    per_message: int
    per_packet: int
    per_long_message: int = 0

    def message_bytes(self, payload_bytes: float) -> float:
        """A message with all its headers."""
        message_bytes = payload_bytes + self.per_message
        if payload_bytes > SHORT_MESSAGE_BYTES:
            message_bytes += self.per_long_message
        packets = -(-message_bytes // PACKET_BYTES)
        return message_bytes + packets * self.per_packet

    def bytes_per_s(self, payload_bytes_per_s: float, chunk_s: float) -> float:
        """A second of sound in messages of ``chunk_s``, headers included."""
        return self.message_bytes(payload_bytes_per_s * chunk_s) / chunk_s


WEBSOCKET = HeaderStack(
    "WebSocket over TLS", per_message=6 + 22, per_packet=20 + 20, per_long_message=2
)
"""Source: RFC 6455, section 5.2 (a masked frame has 6, one of 126 bytes to 64 kB has 8); RFC 8446,
section 5.2 (a TLS 1.3 record adds 5 + 1 + 16); RFC 9293 and RFC 791 (20 each)."""
RTP = HeaderStack("RTP over UDP", per_message=12, per_packet=8 + 20)
"""Source: RFC 3550, section 5.1; RFC 768; RFC 791. WebRTC encrypts as well, with a few bytes."""
