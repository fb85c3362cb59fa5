"""Attacks on a WebSocket server as a process of its own: each is ended by name and held below a ceiling of memory, while a
good neighbour's echoes go on. Docs/websocket.md has the list.
"""
from __future__ import annotations

import zlib
from contextlib import contextmanager
from typing import Iterator

from attack import OFFER, Memory, RawWebSocket, close_all, echoing, frame, many
from echo import MESSAGE_BYTES_MAX, EchoServer
from harness import Play, require


@contextmanager
def attacked(play: Play, *flags: str) -> Iterator[EchoServer]:
    server = EchoServer(play, *flags)
    with echoing(server.port) as neighbour:
        neighbour.expect_more(1)
        memory = Memory(server.process)
        yield server
        memory.require_below()
    require(server.process.is_running, "the server goes on")


def deflated(payload: bytes) -> bytes:
    shrinking = zlib.compressobj(9, wbits=-15)
    return (shrinking.compress(payload) + shrinking.flush(zlib.Z_SYNC_FLUSH)).removesuffix(b"\x00\x00\xff\xff")


# RFC 6455 §5.2: what a length may claim, in each of its forms, and the code that it earns.
LENGTHS = (
    [(126, length, 1002) for length in (0, 1, 125)]
    + [(127, length, 1002) for length in (0, 125, 126, 65_535, 1 << 63, (1 << 63) + 1, (1 << 64) - 1)]
    + [(127, length, 1009) for length in (MESSAGE_BYTES_MAX + 1, 1 << 31, 1 << 32, 1 << 40, 1 << 62, (1 << 63) - 1)]
)


def scenario_lengths_that_lie(play: Play) -> None:
    with attacked(play) as server:
        for form, length, code in LENGTHS:
            for fragment in (b"", frame(0x02, b"a fragment")):
                head = bytes([0x80 if fragment else 0x82, 0x80 | form])
                with RawWebSocket(server.port) as attacker:
                    attacker.send(fragment + head + length.to_bytes(2 if form == 126 else 8, "big") + bytes(4))
                    attacker.expect_close(code)


def scenario_messages_that_are_only_announced(play: Play) -> None:
    """Nothing is taken for what was not sent: 800 times the longest message would be 12 GiB."""
    with attacked(play) as server:
        attackers = many(800, lambda: RawWebSocket(server.port))
        for attacker in attackers:
            attacker.send(frame(0x82, b"x", declared=MESSAGE_BYTES_MAX))
        with RawWebSocket(server.port) as last:
            last.send(frame(0x81, b"after them"))
            require(last.next_frame() == (0x81, b"after them"), "one more is served")
        close_all(attackers)


def scenario_fragments_that_never_end(play: Play) -> None:
    with attacked(play) as server:
        attackers = many(50, lambda: RawWebSocket(server.port))
        for attacker in attackers:
            attacker.send(frame(0x02, b"x") + frame(0x00, b"x") * 20_000)
        with RawWebSocket(server.port) as last:
            last.send(frame(0x01, b"x") + frame(0x00, b"x") * 200_000)
            last.expect_close(1008)
        close_all(attackers)


def scenario_bombs(play: Play) -> None:
    """10 MB in 10 KB, again and again; in one piece, in small fragments, and blocks without content."""
    bomb = deflated(bytes(10_000_000))
    split = frame(0x42, bomb[:1]) + b"".join(frame(0x00, bomb[at:at + 7]) for at in range(1, len(bomb), 7))
    hollow = frame(0x42, b"\x03\x00" * 30_000) + frame(0x00, b"\x03\x00" * 30_000) * 300
    with attacked(play, "--deflate") as server:
        for wire, code in ((frame(0xC2, bomb), 1008), (split, 1008), (hollow, 1009)):
            for _ in range(30 if code == 1008 else 2):
                with RawWebSocket(server.port, "/echo", OFFER) as attacker:
                    attacker.send(wire)
                    attacker.expect_close(code)


def scenario_a_flood_of_pings(play: Play) -> None:
    """A million pings of one who does not read: what is not taken is not kept."""
    flood = frame(0x89, b"1") * 10_000
    with attacked(play) as server:
        with RawWebSocket(server.port) as attacker:
            for _ in range(100):
                attacker.send(flood)
            attacker.send(frame(0x88, b"\x03\xe8"))
            attacker.expect_close(1000)


def scenario_close_frames_without_end(play: Play) -> None:
    """RFC 6455 §1.4: what follows a close frame is dropped, so two who answer each other cannot go on for ever."""
    with attacked(play) as server:
        with RawWebSocket(server.port) as attacker:
            attacker.send(frame(0x88, b"\x03\xe8") * 100_000)
            attacker.expect_close(1000)


def scenario_who_does_not_read_is_not_served_for_ever(play: Play) -> None:
    """Echoes wait for their reader up to a limit; above its mark the reader is not heard either."""
    with attacked(play) as server:
        with RawWebSocket(server.port) as attacker:
            attacker.socket.settimeout(1)
            try:
                for _ in range(200):
                    attacker.socket.sendall(frame(0x82, bytes(1 << 20)))
            except TimeoutError:
                return
        require(False, "200 MiB were taken from one who reads nothing")
