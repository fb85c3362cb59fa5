"""Opening handshakes between our programs and libraries that we did not write: what is agreed on, and who is kept out."""
from __future__ import annotations

import asyncio
from typing import Any

from echo import EchoServer, start_client
from harness import Failed, Play, require
from interop_cases import every_length, many_at_once
from partner import Ended, Mode, bounded
from partners import NO_CONTEXT, PARTNERS, Websockets, picows, status_of, websockets

# Offers of permessage-deflate, and the answers of our server, which keeps contexts or does not.
OFFERS: list[tuple[dict[str, Any], bool, str]] = [
    ({}, True, "permessage-deflate"),
    ({}, False, NO_CONTEXT),
    ({"server_no_context_takeover": True}, True, "permessage-deflate; server_no_context_takeover"),
    ({"client_no_context_takeover": True}, True, "permessage-deflate; client_no_context_takeover"),
    ({"server_no_context_takeover": True, "client_no_context_takeover": True}, True, NO_CONTEXT),
    ({"server_max_window_bits": 9}, True, "permessage-deflate; server_max_window_bits=9"),
    ({"client_max_window_bits": 9}, True, "permessage-deflate; client_max_window_bits=9"),
    ({"client_max_window_bits": True, "server_max_window_bits": 12}, False, NO_CONTEXT + "; server_max_window_bits=12"),
    # zlib cannot compress with so small a window, so we decline.
    ({"server_max_window_bits": 8}, True, ""),
]


def scenario_every_offer_of_compression_has_its_answer(play: Play) -> None:
    servers = {keeps: EchoServer(play, *(Mode.CONTEXT if keeps else Mode.NO_CONTEXT).flags) for keeps in (True, False)}

    async def talk(offer: dict[str, Any], keeps_context: bool, answer: str) -> None:
        async with Websockets().connect(servers[keeps_context].url, Mode.CONTEXT, offer) as socket:
            got = socket.socket.response_headers.get("Sec-WebSocket-Extensions", "")
            require(got == answer, f"{offer} was answered with {got!r} instead of {answer!r}")
            await every_length(socket)
            await many_at_once(socket)

    for offer, keeps_context, answer in OFFERS:
        asyncio.run(talk(offer or {"client_max_window_bits": True}, keeps_context, answer))


def scenario_clients_are_let_in_or_told_why(play: Play) -> None:
    server = EchoServer(play, "--origin", "https://chat.example", "--subprotocol", "new", "--subprotocol", "old")

    async def status(name: str, path: str, **options: Any) -> int | None:
        try:
            async with PARTNERS[name].connect(f"ws://127.0.0.1:{server.port}{path}", Mode.PLAIN, **options):
                return 101
        except Exception as error:
            if found := status_of(error):
                return found
            raise

    async def subprotocol(name: str, offered: list[str]) -> str | None:
        async with PARTNERS[name].connect(server.url, Mode.PLAIN, subprotocols=offered) as socket:
            return socket.subprotocol

    for name in PARTNERS:
        origins = [("https://chat.example", 101), ("https://evil.example", 403), ("http://chat.example", 403)]
        for origin, expected in origins:
            got = asyncio.run(status(name, "/echo", origin=origin))
            require(got == expected, f"{name} from {origin} was answered with {got}")
        for path, expected in (("/echo?room=1", 101), ("/bcast", 101), ("/nowhere", 404), ("/", 404), ("/echo/", 404)):
            got = asyncio.run(status(name, path))
            require(got == expected, f"{name} at {path} was answered with {got}")
        for offered, chosen in ((["other", "old", "new"], "new"), (["old"], "old"), (["other"], None)):
            got = asyncio.run(subprotocol(name, offered))
            require(got == chosen, f"{name} offered {offered} and got {got}")


def scenario_our_client_says_why_it_is_kept_out(play: Play) -> None:
    async def nobody(_: Any) -> None:
        raise Failed("somebody was let in")

    async def refuse(serve: Any) -> None:
        async with serve(nobody, "127.0.0.1", 0, origins=["https://chat.example"]) as server:
            client = start_client(play, f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/echo")
            require(await asyncio.to_thread(client.ended) == 1, "a client that is kept out ends with 1")
            require(client.log == ["websocket-echo-client: refused: 403 Forbidden"], f"it said {client.log}")

    for serve in (websockets.serve, picows.serve):
        asyncio.run(bounded(refuse(serve)))


def scenario_no_common_subprotocol_is_no_obstacle(play: Play) -> None:
    """RFC 6455 §4.2.2 point 5: a server that speaks none of what is offered names none."""
    heard: list[Any] = []

    async def handle(socket: Any) -> None:
        heard.append(socket.subprotocol)
        try:
            await socket.receive()
        except Ended as ended:
            heard.append(ended.code)

    async def serve(name: str) -> None:
        async with PARTNERS[name].serve(handle, Mode.PLAIN, ["new"]) as port:
            client = start_client(play, "--subprotocol", "other", f"ws://127.0.0.1:{port}/")
            assert client.child.stdin
            client.child.stdin.close()
            require(await asyncio.to_thread(client.ended) == 0, f"{name}: {client.log}")

    for name in PARTNERS:
        asyncio.run(bounded(serve(name)))
    require(heard == [None, 1000] * len(PARTNERS), f"heard: {heard}")
