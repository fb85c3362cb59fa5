"""Our servers and Chromium, which is the WebSocket client that most people have."""
from __future__ import annotations

import signal
from typing import Any

from browser import Browser, Pages
from echo import MESSAGE_BYTES_MAX, EchoServer
from harness import Play, require
from partner import Mode

LENGTHS = [0, 1, 125, 126, 127, 128, 65_535, 65_536, 65_537, 1 << 20]
# The codes that a page may give (1000 and 3000 to 4999), with reasons of at most 123 bytes.
CLOSINGS = [(1000, ""), (1000, "done"), (3000, "a library's"), (4999, "Ω" * 61)]


def steps(url: str, mode: Mode) -> list[dict[str, Any]]:
    over = 1 if mode is Mode.PLAIN else 1 << 20
    return [
        {"step": "lengths", "url": url, "lengths": LENGTHS},
        {"step": "lengths", "url": url, "lengths": [7 << 20]},
        {"step": "order", "url": url, "count": 500},
        {"step": "closes", "url": url, "closings": CLOSINGS},
        {"step": "tooBig", "url": url, "length": MESSAGE_BYTES_MAX + over},
        {"step": "bomb", "url": url, "length": 1 << 20},
        {"step": "subprotocols", "url": url, "offers": [["other", "old", "new"], ["old"], []]},
        {"step": "keptOut", "url": url.replace("/echo", "/nowhere")},
        {"step": "goodbye", "url": url},
    ]


def converse(play: Play, mode: Mode) -> None:
    clean = {"code": 1000, "reason": "", "wasClean": True}
    with Pages() as pages:
        server = EchoServer(play, *mode.flags, "--origin", pages.origin, "--subprotocol", "new", "--subprotocol", "old")
        pages.steps = steps(server.url, mode)
        browser = Browser(play, pages.origin + "/")
        for _ in range(2):
            report = pages.report("lengths")
            require(report["lost"] == [] and report["blob"] == "oftwo", f"came back otherwise: {report}")
            require(Mode.of(report["extensions"]) is mode, f"agreed on: {report['extensions']!r}")
            require(report["closing"] == clean, f"{report}")
        report = pages.report("order")
        require(report["inOrder"] == 500 and report["closing"] == clean | {"code": 1005}, f"{report}")
        answers = pages.report("closes")
        expected = [clean | {"code": code} for code, _ in CLOSINGS]
        require(answers == expected, f"closes were answered with {answers}")
        report = pages.report("tooBig")
        require((report["code"], report["reason"]) == (1009, "message too big"), f"too big: {report}")
        report = pages.report("bomb")
        # What shrinks to a thousandth is taken as it is, and not compressed.
        require(report == 1 << 20 if mode is Mode.PLAIN else report["code"] == 1008, f"the bomb: {report}")
        require(pages.report("subprotocols") == ["new", "old", ""], "subprotocols")
        require(pages.report("keptOut") == "not opened", "there is nothing at /nowhere")
        pages.report("goodbye")
        server.process.signal(signal.SIGTERM)
        report = pages.report("goodbye")
        require(report["code"] == 1001 and report["wasClean"], f"the server's goodbye: {report}")
        pages.report("end")
        browser.shown()


def scenario_a_page_without_compression(play: Play) -> None:
    converse(play, Mode.PLAIN)


def scenario_a_page_with_compression_and_context(play: Play) -> None:
    converse(play, Mode.CONTEXT)


def scenario_a_page_with_compression_without_context(play: Play) -> None:
    converse(play, Mode.NO_CONTEXT)


def scenario_a_foreign_page_is_kept_out(play: Play) -> None:
    """Of an echo server that lists other pages or none, and of a node's link port, which is for no page at all."""
    node = play.node("s1")
    with Pages() as pages:
        urls = [
            EchoServer(play).url, EchoServer(play, "--origin", "https://chat.example").url,
            f"ws://127.0.0.1:{node.link_port}/", f"ws://127.0.0.1:{node.client_port}/",
        ]
        allowed = EchoServer(play, "--origin", pages.origin).url
        pages.steps = [{"step": "keptOut", "url": url} for url in (*urls, allowed)]
        browser = Browser(play, pages.origin + "/")
        for url in urls:
            require(pages.report("keptOut") == "not opened", f"a foreign page was let in at {url}")
        require(pages.report("keptOut") == "let in", "a page that is listed was kept out")
        pages.report("end")
        browser.shown()
    require(node.running().is_running, "the node goes on")


def scenario_who_opens_a_port_in_a_browser_reads_what_it_is(play: Play) -> None:
    node = play.node("s1")
    echo = EchoServer(play)
    words = [
        (f"http://127.0.0.1:{echo.port}/echo", "This is a WebSocket endpoint, not a web page."),
        (f"http://127.0.0.1:{node.link_port}/", "This is a WebSocket endpoint, not a web page."),
    ]
    for url, text in words:
        shown = Browser(play, url).shown()
        require(text in shown, f"{url} shows {shown}")
