"""Opus packets out of an Ogg stream that comes in pieces, as a live stream may be sent one.

An Ogg stream is pages, each with a table of the lengths of what it holds; a packet may go on in the
next page. Pages' checksums are not looked at: what is no packet the decoder refuses.

Source: RFC 3533, section 6 (pages); RFC 7845, sections 3 to 5 (Opus in them).
"""

from lab_kit.core.errors import InvalidAudioFormat

_HEAD_BYTES = 27
_MAGIC, _VERSION = b"OggS", 0
_CONTINUED = 1
"""In a page's flags: it begins in the middle of a packet."""
_FULL_SEGMENT = 255
"""The length of a segment after which its packet goes on."""
MOST_PACKET_BYTES = 61_298
"""Of one packet, which has 48 frames at most [Source: RFC 7845, section 6]."""
MOST_TAGS_BYTES = 65_536
"""Of a stream's comments; a picture may stand in them, and nobody here wants it."""
_OPUS_HEAD, _OPUS_TAGS = b"OpusHead", b"OpusTags"


class OpusPackets:
    """The packets of one stream."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._packet = bytearray()
        self._serial: bytes | None = None
        self._heads = [_OPUS_HEAD, _OPUS_TAGS]

    def push(self, data: bytes) -> list[bytes]:
        """Take what came next; give the packets that are complete.

        Raises:
            InvalidAudioFormat: it is no Ogg stream, or none of Opus alone.
        """
        self._data += data
        packets = []
        while (page := self._next_page()) is not None:
            found = self._packets_of(*page)
            packets += [packet for packet in found if not self._is_head(packet)]
        return packets

    def _next_page(self) -> tuple[bytes, bytes, bytes] | None:
        """The next whole page: its head, the lengths in its table, and what it holds."""
        data = self._data
        begun = bytes(data[: len(_MAGIC) + 1])
        if begun != (_MAGIC + bytes([_VERSION]))[: len(begun)]:
            raise _no_ogg(f"{begun!r} where a page begins")
        if len(data) < _HEAD_BYTES or len(data) < (table_end := _HEAD_BYTES + data[26]):
            return None
        table = bytes(data[_HEAD_BYTES:table_end])
        end = table_end + sum(table)
        if len(data) < end:
            return None
        head, body = bytes(data[:_HEAD_BYTES]), bytes(data[table_end:end])
        del data[:end]
        return head, table, body

    def _packets_of(self, head: bytes, table: bytes, body: bytes) -> list[bytes]:
        serial = head[14:18]
        if self._serial is None:
            self._serial = serial
        if serial != self._serial:
            raise _no_ogg("a second stream between the first one's pages")
        if not head[5] & _CONTINUED:
            self._packet.clear()
        packets, at = [], 0
        for length in table:
            self._packet += body[at : at + length]
            at += length
            if length < _FULL_SEGMENT:
                packets.append(bytes(self._packet))
                self._packet.clear()
            else:
                self._check_length()
        return packets

    def _check_length(self) -> None:
        most = MOST_TAGS_BYTES if self._heads else MOST_PACKET_BYTES
        if len(self._packet) > most:
            raise _no_ogg(f"a packet of more than {most:,} bytes")

    def _is_head(self, packet: bytes) -> bool:
        """Whether it is one of the two before the sound, in their order."""
        if not self._heads:
            return False
        wanted = self._heads.pop(0)
        if not packet.startswith(wanted):
            raise _no_ogg(f"{packet[:8]!r} where {wanted.decode()} belongs")
        return True


def _no_ogg(what: str) -> InvalidAudioFormat:
    return InvalidAudioFormat(
        what, "one Opus stream in Ogg pages", "send an Ogg file of Opus from its first byte on"
    )
