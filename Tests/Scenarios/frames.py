"""RFC 6455 seen from the wire: cuts a stream into an HTTP head, frames and whole messages, without judging them."""
from __future__ import annotations

from dataclasses import dataclass

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
CONTROL_BIT = 0x08
HEAD_BYTES_MAX = 64 << 10
# The first byte of a TLS connection (RFC 8446 §5.1: a record of the type handshake).
TLS_HANDSHAKE = b"\x16"


@dataclass
class Frame:
    """RFC 6455 §5.2. `raw` is how it came, `payload` what it says, without its mask."""

    is_final: bool
    opcode: int
    payload: bytes
    raw: bytes

    @property
    def is_control(self) -> bool:
        return bool(self.opcode & CONTROL_BIT)


@dataclass
class Unit:
    """What passes as one: the head of the opening, a control frame, or all frames of one message."""

    opcode: int | None
    payload: bytes
    raw: bytes

    @property
    def is_message(self) -> bool:
        return self.opcode in (TEXT, BINARY)

    @property
    def tag(self) -> str:
        """The first member of a link's message, as all write it."""
        parts = self.payload[:60].split(b'"') if self.is_message else []
        return parts[3].decode("ascii", "replace") if len(parts) > 4 and parts[1] == b"tag" else ""


def apply_mask(key: bytes, data: bytes) -> bytes:
    """RFC 6455 §5.3; masking twice gives the data again."""
    size = len(data)
    whole = (key * (size // 4 + 1))[:size]
    return (int.from_bytes(data, "big") ^ int.from_bytes(whole, "big")).to_bytes(size, "big")


def encode_frame(opcode: int, payload: bytes, mask: bytes | None = None, is_final: bool = True) -> bytes:
    first = opcode | (0x80 if is_final else 0)
    bit = 0x80 if mask else 0
    if len(payload) < 126:
        head = bytes([first, bit | len(payload)])
    elif len(payload) < 1 << 16:
        head = bytes([first, bit | 126]) + len(payload).to_bytes(2, "big")
    else:
        head = bytes([first, bit | 127]) + len(payload).to_bytes(8, "big")
    return head + (mask + apply_mask(mask, payload) if mask else payload)


def payload_offset(raw: bytes) -> int:
    """Where the payload of a frame begins: behind its length and its masking key."""
    length = raw[1] & 0x7F
    return 2 + {126: 2, 127: 8}.get(length, 0) + (4 if raw[1] & 0x80 else 0)


class Cutter:
    """Takes bytes as they come and returns the units that are complete.

    What is no WebSocket, be it TLS or an answer other than 101, is passed as it comes.
    """

    def __init__(self) -> None:
        self.buffer = bytearray()
        self.has_head = False
        self.is_opaque = False
        self.fragments: list[Frame] = []

    def feed(self, data: bytes) -> list[Unit]:
        if not self.has_head and not self.buffer and data[:1] == TLS_HANDSHAKE:
            self.is_opaque = True
        if self.is_opaque:
            return [Unit(None, data, data)]
        self.buffer += data
        units = []
        while unit := self.next():
            units.append(unit)
        return units

    def next(self) -> Unit | None:
        if not self.has_head:
            return self.head()
        while frame := self.frame():
            if frame.is_control:
                return Unit(frame.opcode, frame.payload, frame.raw)
            self.fragments.append(frame)
            if frame.is_final:
                parts, self.fragments = self.fragments, []
                return Unit(parts[0].opcode, b"".join(part.payload for part in parts),
                            b"".join(part.raw for part in parts))
        return None

    def head(self) -> Unit | None:
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0 and len(self.buffer) <= HEAD_BYTES_MAX:
            return None
        self.has_head = True
        size = end + 4 if end >= 0 else len(self.buffer)
        raw = bytes(self.buffer[:size])
        if end < 0 or (raw.startswith(b"HTTP/") and b" 101 " not in raw[:16]):
            self.is_opaque, raw = True, bytes(self.buffer)
        del self.buffer[:len(raw)]
        return Unit(None, raw, raw)

    def rest(self) -> bytes:
        """What came and is no whole unit."""
        rest = b"".join(part.raw for part in self.fragments) + bytes(self.buffer)
        self.fragments, self.buffer = [], bytearray()
        return rest

    def frame(self) -> Frame | None:
        buffer = self.buffer
        if len(buffer) < 2:
            return None
        offset = payload_offset(buffer)
        length = buffer[1] & 0x7F
        if length >= 126:
            length = int.from_bytes(buffer[2:4 if length == 126 else 10], "big")
        if len(buffer) < offset + length:
            return None
        raw = bytes(buffer[:offset + length])
        del buffer[:offset + length]
        payload = raw[offset:]
        if raw[1] & 0x80:
            payload = apply_mask(raw[offset - 4:offset], payload)
        return Frame(bool(raw[0] & 0x80), raw[0] & 0x0F, payload, raw)
