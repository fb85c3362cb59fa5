"""What attacks on the WebSocket layer need: raw frames, a good neighbour whose echoes go on, and the server's memory."""
from __future__ import annotations

import socket
import threading
import time
from pathlib import Path
from typing import Any, Iterable

from harness import PATIENCE_SECONDS, Failed, Play, Process, require
from raw import Connection

# What a server may need above its idle memory while it is attacked. Its programs idle at 10 MB or so.
CEILING_KIB = 64 << 10
# The longest that a good neighbour may wait for an echo meanwhile, on two cores that the attacker needs too.
ECHO_SECONDS_MAX = 5.0
ECHOES_MIN = 20
OFFER = "Sec-WebSocket-Extensions: permessage-deflate"


def opening(path: str = "/echo", *lines: str) -> bytes:
    head = [
        f"GET {path} HTTP/1.1", "Host: 127.0.0.1", "Upgrade: websocket", "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13", *lines,
    ]
    return ("\r\n".join(head) + "\r\n\r\n").encode()


def frame(first: int, payload: bytes = b"", declared: int | None = None) -> bytes:
    """A client's frame whose masking key is 0, with any first byte; its length may lie."""
    length = len(payload) if declared is None else declared
    if length < 126:
        head = bytes([first, 0x80 | length])
    elif length < 1 << 16:
        head = bytes([first, 0xFE]) + length.to_bytes(2, "big")
    else:
        head = bytes([first, 0xFF]) + length.to_bytes(8, "big")
    return head + bytes(4) + payload


class RawWebSocket(Connection):
    """Opened; from now on any bytes may be sent, and frames of a server are read."""

    def __init__(self, port: int, path: str = "/echo", *lines: str):
        super().__init__(port)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.send(opening(path, *lines))
        head = self.read_until(b"\r\n\r\n")
        require(head.startswith(b"HTTP/1.1 101 "), f"the opening was answered with {head!r}")

    def take(self, count: int) -> bytes:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(self.buffer) < count:
            data = self.receive(deadline)
            require(bool(data), f"the stream ended inside of a frame: {self.buffer[:200]!r}")
            self.buffer += data
        taken, self.buffer = self.buffer[:count], self.buffer[count:]
        return taken

    def next_frame(self) -> tuple[int, bytes]:
        """The first byte and the payload."""
        first, length = self.take(2)
        if length == 126:
            length = int.from_bytes(self.take(2), "big")
        elif length == 127:
            length = int.from_bytes(self.take(8), "big")
        return first, self.take(length)

    def expect_close(self, *codes: int) -> None:
        """Frames until the close frame, which has one of the codes; then the stream ends."""
        while (got := self.next_frame())[0] != 0x88:
            pass
        code = int.from_bytes(got[1][:2], "big")
        require(code in codes, f"a close with {codes} was expected, came {code} {got[1][2:]!r}")
        require(self.read_to_end() == b"", "nothing follows a close frame")


class Memory:
    """The highest resident memory of a process since this was made."""

    def __init__(self, process: Process):
        self.folder = Path(f"/proc/{process.child.pid}")
        self.idle_kib = self.read("VmRSS")
        # proc(5): 5 sets the high-water mark to what is in use now.
        (self.folder / "clear_refs").write_text("5")

    def read(self, name: str) -> int:
        for line in (self.folder / "status").read_text().splitlines():
            if line.startswith(name + ":"):
                return int(line.split()[1])
        raise Failed(f"/proc does not tell {name}")

    def above_idle_kib(self) -> int:
        return self.read("VmHWM") - self.idle_kib

    def require_below(self, ceiling_kib: int = CEILING_KIB) -> None:
        above = self.above_idle_kib()
        require(above <= ceiling_kib, f"the attack made the server take {above} KiB, {ceiling_kib} are allowed")


class Neighbour:
    """Somebody good who talks all the time, on a connection of their own."""

    def __init__(self, ask: Any):
        """`ask` says something and returns when it is answered."""
        self.ask = ask
        self.seconds: list[float] = []
        self.fault: Exception | None = None
        self.changed = threading.Condition()
        self.is_over = False
        self.thread = threading.Thread(target=self.talk, daemon=True)

    def talk(self) -> None:
        try:
            while not self.is_over:
                began = time.monotonic()
                self.ask()
                with self.changed:
                    self.seconds.append(time.monotonic() - began)
                    self.changed.notify_all()
        except Exception as error:
            with self.changed:
                self.fault = error
                self.changed.notify_all()

    def __enter__(self) -> Neighbour:
        self.thread.start()
        return self

    def __exit__(self, kind: Any, *_: Any) -> None:
        try:
            # Some echoes more, after all that was done to the server.
            if kind is None:
                self.expect_more(ECHOES_MIN)
        finally:
            self.is_over = True
            self.thread.join(PATIENCE_SECONDS)
        if kind is None:
            slowest = max(self.seconds)
            require(slowest <= ECHO_SECONDS_MAX, f"the neighbour waited {slowest:.2f} s, of {len(self.seconds)} echoes")

    def expect_more(self, count: int) -> None:
        with self.changed:
            wanted = len(self.seconds) + count
            done = self.changed.wait_for(lambda: self.fault or len(self.seconds) >= wanted, PATIENCE_SECONDS)
        require(self.fault is None, f"the neighbour's connection broke: {self.fault}")
        require(bool(done), "the neighbour is not answered any more")


def echoing(port: int) -> Neighbour:
    connection = RawWebSocket(port)

    def ask() -> None:
        connection.send(frame(0x81, b"still there?"))
        got = connection.next_frame()
        require(got == (0x81, b"still there?"), f"the neighbour heard {got}")

    return Neighbour(ask)


def many(count: int, make: Any) -> list[Any]:
    return [make() for _ in range(count)]


def close_all(connections: Iterable[Connection]) -> None:
    for connection in connections:
        connection.socket.close()
