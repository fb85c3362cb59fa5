"""Requests that two readers may understand differently. Ours is compared byte for byte with three servers that we did not
write: what any of them refuses we refuse, and after a refusal nothing of the connection is read as anything else.
"""
from __future__ import annotations

import asyncio
import logging
import threading
from contextlib import AsyncExitStack, contextmanager
from typing import Iterator

from attack import frame, opening
from echo import EchoServer
from harness import PATIENCE_SECONDS, Play, require
from partner import Ended, Mode
from partners import PARTNERS
from raw import Connection

GOOD = opening()


def changed(old: bytes, new: bytes) -> bytes:
    assert old in GOOD
    return GOOD.replace(old, new)


def adding(*lines: bytes) -> bytes:
    return GOOD.removesuffix(b"\r\n") + b"".join(line + b"\r\n" for line in lines) + b"\r\n"


KEY = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
LINE = b"GET /echo HTTP/1.1"
NEXT = b"GET /secret HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"

# Some servers wait for the rest of what others take for whole.
ANSWER_SECONDS_MAX = 0.5

# What we answer to each.
REQUESTS: list[tuple[str, bytes, int]] = [
    ("a good one", GOOD, 101),
    ("names in capitals", GOOD.replace(b"Upgrade:", b"UPGRADE:").replace(b"Host:", b"HOST:"), 101),
    ("a list with Upgrade in it", changed(b"Connection: Upgrade", b"Connection: keep-alive, Upgrade"), 101),
    ("a length of 0", adding(b"Content-Length: 0"), 400),
    ("a body", adding(b"Content-Length: 5") + b"hello", 400),
    ("a body that is a request", adding(b"Content-Length: %d" % len(NEXT)) + NEXT, 400),
    ("chunks", adding(b"Transfer-Encoding: chunked") + b"5\r\nhello\r\n0\r\n\r\n", 400),
    ("chunks that are none", adding(b"Transfer-Encoding: identity"), 400),
    ("a length and chunks", adding(b"Content-Length: 5", b"Transfer-Encoding: chunked") + b"0\r\n\r\n" + NEXT, 400),
    ("two lengths", adding(b"Content-Length: 0", b"Content-Length: 5") + b"hello", 400),
    ("a hidden encoding", adding(b"Transfer-Encoding : chunked") + b"0\r\n\r\n", 400),
    ("a second request", GOOD + NEXT, 400),
    ("a second opening", GOOD + GOOD, 400),
    ("a frame before the answer", GOOD + frame(0x81, b"early"), 400),
    ("two hosts", adding(b"Host: other"), 400),
    ("no host", changed(b"Host: 127.0.0.1\r\n", b""), 400),
    ("an empty host", changed(b"Host: 127.0.0.1", b"Host:"), 400),
    ("a host with a user", changed(b"Host: 127.0.0.1", b"Host: user@127.0.0.1"), 400),
    ("two keys", adding(KEY), 400),
    ("no key", changed(KEY + b"\r\n", b""), 400),
    ("a short key", changed(KEY, b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j"), 400),
    ("a key that is no base64", changed(KEY, b"Sec-WebSocket-Key: !!!!!!!!!!!!!!!!!!!!!!=="), 400),
    ("two versions", adding(b"Sec-WebSocket-Version: 13"), 400),
    ("another version", changed(b"Version: 13", b"Version: 8"), 426),
    ("a list of versions", changed(b"Version: 13", b"Version: 13, 8"), 426),
    ("no version", changed(b"Sec-WebSocket-Version: 13\r\n", b""), 426),
    ("no upgrade", changed(b"Upgrade: websocket\r\n", b""), 426),
    ("another upgrade", changed(b"Upgrade: websocket", b"Upgrade: h2c"), 426),
    ("a connection that closes", changed(b"Connection: Upgrade", b"Connection: close"), 400),
    ("another method", changed(b"GET", b"POST"), 405),
    ("a method in small letters", changed(b"GET", b"get"), 405),
    ("bare line feeds", GOOD.replace(b"\r\n", b"\n"), 400),
    ("one bare line feed", changed(b"Upgrade: websocket\r\n", b"Upgrade: websocket\n"), 400),
    ("a bare carriage return", adding(b"X: a\rY: b"), 400),
    ("a folded line", adding(b"X: a", b" b"), 400),
    ("a space before the first field", GOOD.replace(b"\r\nHost", b"\r\n Host"), 400),
    ("a space before a colon", changed(b"Upgrade: websocket", b"Upgrade : websocket"), 400),
    ("a line without a colon", adding(b"nonsense"), 400),
    ("a field without a name", adding(b": value"), 400),
    ("a name that is no token", adding(b"X(Y): value"), 400),
    ("a zero byte", adding(b"X: a\x00b"), 400),
    ("an empty line first", b"\r\n" + GOOD, 400),
    ("an older HTTP", changed(b"HTTP/1.1", b"HTTP/1.0"), 400),
    ("a newer HTTP", changed(b"HTTP/1.1", b"HTTP/2.0"), 400),
    ("HTTP in small letters", changed(b"HTTP/1.1", b"http/1.1"), 400),
    ("no version of HTTP", changed(LINE, b"GET /echo"), 400),
    ("two spaces", changed(LINE, b"GET  /echo HTTP/1.1"), 400),
    ("tabs for spaces", changed(LINE, b"GET\t/echo\tHTTP/1.1"), 400),
    ("a space behind the line", changed(LINE, LINE + b" "), 400),
    ("a space in the path", changed(LINE, b"GET /ec ho HTTP/1.1"), 400),
    ("a path of bytes", changed(LINE, b"GET /\xff HTTP/1.1"), 400),
    ("a fragment", changed(LINE, b"GET /echo#a HTTP/1.1"), 400),
    ("a path without its slash", changed(LINE, b"GET echo HTTP/1.1"), 400),
    ("an asterisk", changed(LINE, b"GET * HTTP/1.1"), 400),
    ("an absolute target", changed(LINE, b"GET http://127.0.0.1/echo HTTP/1.1"), 101),
    ("an absolute target elsewhere", changed(LINE, b"GET http://evil.example/echo HTTP/1.1"), 400),
    ("extensions that are none", adding(b"Sec-WebSocket-Extensions: ;;"), 400),
    ("an empty extension field", adding(b"Sec-WebSocket-Extensions: "), 400),
    ("subprotocols that are none", adding(b"Sec-WebSocket-Protocol: a b"), 400),
    ("an empty subprotocol field", adding(b"Sec-WebSocket-Protocol: "), 400),
    ("two origins", adding(b"Origin: http://a", b"Origin: http://b"), 400),
]


# picows wants "Upgrade" alone, but Firefox, for one, sends a list (RFC 6455 §4.2.1 point 4 allows it).
TOO_STRICT = {("picows", "a list with Upgrade in it")}


@contextmanager
def others() -> Iterator[dict[str, int]]:
    """The other servers by name, each with its port, on a loop of their own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    stack = AsyncExitStack()

    async def echo(socket: object) -> None:
        try:
            while True:
                await socket.send(await socket.receive())  # type: ignore[attr-defined]
        except Ended:
            pass

    async def start() -> dict[str, int]:
        return {name: await stack.enter_async_context(partner.serve(echo, Mode.PLAIN)) for name, partner in PARTNERS.items()}

    try:
        yield asyncio.run_coroutine_threadsafe(start(), loop).result(PATIENCE_SECONDS)
    finally:
        asyncio.run_coroutine_threadsafe(stack.aclose(), loop).result(PATIENCE_SECONDS)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def status(port: int, request: bytes) -> int:
    """Of the first answer; 0 if the connection ended without one, or waits for more."""
    with Connection(port) as connection:
        connection.send(request)
        connection.socket.settimeout(ANSWER_SECONDS_MAX)
        try:
            answer = connection.socket.recv(65536)
        except (ConnectionResetError, TimeoutError):
            return 0
    return int(answer[9:12]) if answer.startswith(b"HTTP/1.") else 0


def scenario_requests_that_may_be_read_in_two_ways(_: Play) -> None:
    """Whatever one of the others refuses, we refuse. What we answer, the next scenario tests."""
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
    laxer = set()
    with others() as ports:
        for name, request, ours in REQUESTS:
            theirs = {other: status(port, request) for other, port in ports.items()}
            if ours == 101:
                stricter = {other for other in theirs if theirs[other] != 101 and (other, name) not in TOO_STRICT}
                require(not stricter, f"{name}: {stricter} refuse it, and we do not: {theirs}")
            else:
                laxer |= {other for other in theirs if theirs[other] == 101}
    require(laxer == set(ports), f"the others were to take some of this: {laxer}")


def scenario_nothing_is_read_behind_a_refusal(play: Play) -> None:
    server = EchoServer(play)
    for name, request, expected in REQUESTS:
        with Connection(server.port) as connection:
            if expected == 101:
                connection.send(request)
                require(connection.read_until(b"\r\n\r\n").startswith(b"HTTP/1.1 101 "), f"{name} was not let in")
                continue
            connection.send(request + NEXT)
            answer = connection.read_to_end()
            head, _, body = answer.partition(b"\r\n\r\n")
            require(head.startswith(b"HTTP/1.1 %d " % expected), f"{name} was answered with {answer!r}")
            require(body.count(b"\n") == 1 and body.endswith(b"\n"), f"{name} was not answered with one line: {answer!r}")
            require(head.endswith(b"close"), f"{name} leaves the connection open: {head!r}")
