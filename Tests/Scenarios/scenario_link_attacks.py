"""Attacks on the link port of a node, before anything is proven: each is ended by name and held below a ceiling of memory,
while sessions, and messages over the link that stands, go on.
"""
from __future__ import annotations

import selectors
from contextlib import contextmanager
from typing import Iterator

from attack import Memory, Neighbour, RawWebSocket, close_all, frame, many, opening
from harness import Node, Play, require
from raw import Connection, RawClient
from scenario_bad_input import two_who_go_on

# Docs/protocol/federation.md: a message has at most so many bytes, fewer until the link is proven, and so many fragments;
# so many links may wait to be proven, each so long.
MESSAGE_BYTES_MAX = 512 << 10
UNPROVEN_BYTES_MAX = 16 << 10
FRAGMENTS_MAX = 1024
UNPROVEN_MAX = 256
OPENING_SECONDS_MAX = 10
# A page here and there; 2,000 times a connection's buffers would be more.
GROWTH_KIB_MAX = 2_000
# RFC 8446 §5.1: the header of a record and the beginning of a ClientHello of 512 bytes.
TLS_HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100)


def pinging(node: Node) -> Neighbour:
    client = RawClient(node).logged_in("alice")

    def ask() -> None:
        client.say({"tag": "ping", "ref": 1})
        client.expect("pong", ref=1)

    return Neighbour(ask)


@contextmanager
def attacked(play: Play) -> Iterator[Node]:
    with two_who_go_on(play) as node, pinging(node) as neighbour:
        neighbour.expect_more(1)
        memory = Memory(node.running())
        yield node
        memory.require_below()


def scenario_strangers_who_send_long_messages(play: Play) -> None:
    """As many as may wait to be proven, each with what a proven peer may say but for its last byte."""
    with attacked(play) as node:
        strangers = many(UNPROVEN_MAX, lambda: RawWebSocket(node.link_port, "/"))
        for stranger in strangers:
            stranger.send(frame(0x01, b"x" * (MESSAGE_BYTES_MAX - 1)) + frame(0x89, b"taken?"))
        for stranger in strangers:
            stranger.expect_close(1009)
        with RawWebSocket(node.link_port, "/") as exact, RawWebSocket(node.link_port, "/") as longer:
            exact.send(frame(0x81, b"x" * UNPROVEN_BYTES_MAX))
            exact.expect_close(4000)  # read, and no JSON
            longer.send(frame(0x81, b"x" * (UNPROVEN_BYTES_MAX + 1)))
            longer.expect_close(1009)
        close_all(strangers)


def scenario_strangers_whose_fragments_never_end(play: Play) -> None:
    with attacked(play) as node:
        strangers = many(UNPROVEN_MAX, lambda: RawWebSocket(node.link_port, "/"))
        for stranger in strangers:
            stranger.send(frame(0x01, b"x") + frame(0x00, b"x") * (FRAGMENTS_MAX - 1) + frame(0x89, b"taken?"))
            require(stranger.next_frame()[0] == 0x8A, "so many fragments are allowed")
        for stranger in strangers:
            stranger.send(frame(0x00, b"x") * 1000)
            stranger.expect_close(1008)
        close_all(strangers)


def trickle(heads: dict[Connection, bytes]) -> None:
    """Gives each a byte of its head in a second until all are cut off, which must be before a head is whole."""
    with selectors.DefaultSelector() as selector:
        for connection in heads:
            selector.register(connection.socket, selectors.EVENT_READ, connection)
        sent = 0
        while selector.get_map():
            cut_off = selector.select(timeout=1)
            for key, _ in cut_off:
                require(key.data.read_to_end() == b"", "an opening that takes too long is cut off")
                selector.unregister(key.fileobj)
            if not cut_off:
                require(sent < OPENING_SECONDS_MAX + 5, "openings that take too long were not cut off")
                for key in selector.get_map().values():
                    key.data.send(heads[key.data][sent:sent + 1])
                sent += 1


def scenario_strangers_who_wait(play: Play) -> None:
    """Links that say nothing and openings that trickle in: both have ten seconds, however many they are."""
    with attacked(play) as node:
        silent = many(UNPROVEN_MAX, lambda: RawWebSocket(node.link_port, "/"))
        with Connection(node.link_port) as one_more:
            one_more.send(opening("/"))
            answer = one_more.read_to_end()
            require(answer.startswith(b"HTTP/1.1 503 ") and b"try later" in answer, f"one more was told {answer!r}")
        trickling = many(700, lambda: Connection(node.link_port))
        trickle({connection: (opening("/"), TLS_HELLO)[number % 2] for number, connection in enumerate(trickling)})
        for connection in silent:
            connection.expect_close(4000)
        with RawWebSocket(node.link_port, "/"):
            pass  # there is room again
        close_all(silent + trickling)


def scenario_heads_of_every_bad_kind(play: Play) -> None:
    """As long as a head may be, and longer, full of what slow parsers stumble over."""
    fillings = [b",", b'"', b"\\", b"; ", b"=,", b" \t", b"a, ", b'";"', b"permessage-deflate;,"]
    names = [b"Upgrade", b"Connection", b"Sec-WebSocket-Protocol", b"Sec-WebSocket-Extensions", b"Host", b"Origin", b"X"]
    with attacked(play) as node:
        for filling in fillings:
            for name in names:
                field = name + b": " + (filling * 7_000)[:7_000]
                with Connection(node.link_port) as attacker:
                    attacker.send(opening("/", field.decode()))
                    status = int(attacker.read_until(b"\r\n\r\n").split(b" ")[1])
                    require(status in (101, 400, 403), f"{field[:40]!r} was answered with {status}")
        for head in (b"GET /" + b"a" * 9_000, b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 65, b"GET / HTTP/1.1\r\nx: " + b"y" * 9_000):
            for _ in range(50):
                with Connection(node.link_port) as attacker:
                    attacker.send(head)
                    require(attacker.read_to_end().startswith(b"HTTP/1.1 431 "), f"{head[:20]!r} is too much")


def scenario_connections_that_come_and_go(play: Play) -> None:
    """What a connection leaves behind after its end is nothing."""
    def link() -> None:
        with RawWebSocket(node.link_port, "/") as stranger:
            stranger.send(frame(0x01, b"half a hello"))

    def half_an_opening() -> None:
        with Connection(node.link_port) as stranger:
            stranger.send(opening("/")[:100])

    def half_a_line() -> None:
        with Connection(node.client_port) as stranger:
            stranger.send(b'{"tag":"hel')

    with attacked(play) as node:
        for come_and_go in (link, half_an_opening, half_a_line):
            many(500, come_and_go)
            memory = Memory(node.running())
            many(2_000, come_and_go)
            grown = memory.read("VmRSS") - memory.idle_kib
            require(grown < GROWTH_KIB_MAX, f"2,000 times {come_and_go.__name__} left {grown} KiB behind")
