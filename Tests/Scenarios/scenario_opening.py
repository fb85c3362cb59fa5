"""Who is not let in is told so by number and in words, whether a program asked or a person with a browser."""
from __future__ import annotations

import re

from attack import OFFER, RawWebSocket, close_all, echoing, many, opening
from echo import CONNECTIONS_MAX, EchoServer
from harness import Failed, Node, Play, require
from raw import Connection
from scenario_bad_input import VERBS

HEAD = re.compile(
    rb"HTTP/1\.1 (\d{3}) [A-Z][A-Za-z ]+\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: (\d+)\r\n")


def refusal(port: int, request: bytes) -> tuple[int, str, bytes]:
    """Status, words and head of an answer that ends the connection."""
    with Connection(port) as connection:
        connection.send(request)
        answer = connection.read_to_end()
    head, _, body = answer.partition(b"\r\n\r\n")
    found = HEAD.match(head)
    length = 0 if request.startswith(b"HEAD ") else int(found[2]) if found else None
    require(found is not None and length == len(body), f"{request[:60]!r} was answered with {answer!r}")
    assert found
    return int(found[1]), body.decode().rstrip("\n"), head


def expect(port: int, request: bytes, status: int, words: str) -> None:
    got = refusal(port, request)
    require(got[:2] == (status, words), f"{request[:60]!r} was answered with {got}")
    # RFC 6455 §4.4, RFC 9110 §15.5.6: what would be right instead.
    if status == 426:
        require(b"\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13" in got[2], f"the way in is told: {got}")
    if status == 405:
        require(b"\r\nAllow: GET" in got[2], f"the method is told: {got}")


def scenario_each_refusal_of_the_echo_server_has_its_words(play: Play) -> None:
    server = EchoServer(play)
    plain = b"GET /echo HTTP/1.1\r\nHost: a\r\n\r\n"
    expect(server.port, opening("/echo", "Content-Length: 3") + b"abc", 400, "an opening request has no body")
    foreign = opening("/echo", "Origin: http://evil.example")
    expect(server.port, foreign, 403, "Web pages of that origin may not connect here.")
    expect(server.port, opening("/nowhere"), 404, "There is nothing here. Try /echo, /bcast, /pub.")
    expect(server.port, plain.replace(b"GET", b"POST"), 405, "A WebSocket is opened with GET.")
    expect(server.port, plain, 426, "This is a WebSocket endpoint, not a web page.")
    older = opening().replace(b"Version: 13", b"Version: 8")
    expect(server.port, older, 426, "This endpoint speaks WebSocket version 13 only.")
    expect(server.port, opening("/" + "a" * 8192), 431, "the HTTP head is too long")
    expect(server.port, opening("/echo", *["X: y"] * 60), 431, "too many header fields")
    with RawWebSocket(server.port, "/echo", *["X: y"] * 59), RawWebSocket(server.port, "/echo", OFFER):
        pass


def scenario_a_full_server_says_so_and_has_room_again(play: Play) -> None:
    server = EchoServer(play)
    with echoing(server.port):
        guests = many(CONNECTIONS_MAX - 1, lambda: RawWebSocket(server.port))
        for _ in range(3):
            expect(server.port, opening(), 503, "Too many are here. Try again later.")
        close_all(guests)
    for _ in range(CONNECTIONS_MAX):  # each of them makes the server look at those who left
        with Connection(server.port) as guest:
            guest.send(opening())
            if guest.read_until(b"\r\n\r\n").startswith(b"HTTP/1.1 101 "):
                return
    raise Failed("the server stays full")


def scenario_each_refusal_of_the_link_port_has_its_words(play: Play) -> None:
    node: Node = play.node("s1")
    port = node.link_port
    expect(port, b"hello\r\n\r\n", 400, "not an HTTP/1.1 request")
    for origin in ("http://evil.example", f"http://127.0.0.1:{port}", "null", ""):
        expect(port, opening("/", f"Origin: {origin}"), 403, "this port is for Postroad servers, not for web pages")
    for path in ("/echo", "//", "/?a", "/index.html"):
        expect(port, opening(path), 404, "links live at / only")
    expect(port, b"PUT / HTTP/1.1\r\nHost: a\r\n\r\n", 405, "A WebSocket is opened with GET.")
    expect(port, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 426, "This is a WebSocket endpoint, not a web page.")
    expect(port, opening("/", "X: " + "y" * 8192), 431, "the HTTP head is too long")


def scenario_other_protocols_on_the_link_port_are_answered(play: Play) -> None:
    port = play.node("s1").link_port
    requests = [
        *((verb + b" / HTTP/1.1\r\nHost: s1\r\n\r\n", 405) for verb in (b"POST", *VERBS)),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        (b"PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\n\r\n", 400),
        (b"EHLO chat.example\r\n\r\n", 400),
        (b'{"tag":"hello","version":1}\n', 400),
    ]
    for request, status in requests:
        require(refusal(port, request)[0] == status, f"{request[:40]!r} was to be answered with {status}")
