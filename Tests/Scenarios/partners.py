"""WebSocket libraries that we did not write, behind one interface, as clients and as servers.

A partner dials our echo server, or is dialled by our echo client; either way it is the one who speaks first.
"""
from __future__ import annotations

import logging
import sys
from contextlib import asynccontextmanager
from typing import Any, AsyncIterator

import aiohttp
import websockets
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory, ServerPerMessageDeflateFactory

from harness import PATIENCE_SECONDS, ROOT
from partner import Ended, Handler, Mode, bounded
from partner_aiohttp import Aiohttp

# What Debian does not have; Scripts/install-packages puts it there.
sys.path.append(str(ROOT / f".build/python/lib/python3.{sys.version_info.minor}/site-packages"))
import picows as raw_picows  # noqa: E402
import picows.websockets.asyncio as picows  # noqa: E402
from picows.websockets.exceptions import ConnectionClosed as PicowsClosed  # noqa: E402
from picows.websockets.exceptions import InvalidStatus as PicowsInvalidStatus  # noqa: E402

# What the two have to say about our requests is in their answers.
logging.getLogger("websockets.server").setLevel(logging.CRITICAL)

NO_CONTEXT = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
# No pings and no limits of its own; what is tested are ours.
OPTIONS: dict[str, Any] = {"max_size": None, "ping_interval": None, "close_timeout": PATIENCE_SECONDS}


def status_of(error: Exception) -> int | None:
    """The status of the answer that kept a client out, in each library's own way."""
    match error:
        case websockets.InvalidStatusCode(): return error.status_code
        case PicowsInvalidStatus(): return error.response.status_code
        case aiohttp.WSServerHandshakeError(): return error.status
    return None


class Conversation:
    """One connection of `websockets`, or of picows, whose interface is the same."""

    def __init__(self, socket: Any, path: str, mode: Mode):
        self.socket = socket
        self.path = path
        self.mode = mode
        self.subprotocol: str | None = socket.subprotocol

    async def send(self, message: str | bytes) -> None:
        """An end that cuts this short is told by `receive`."""
        try:
            await bounded(self.socket.send(message))
        except (websockets.ConnectionClosed, PicowsClosed):
            pass

    async def send_fragments(self, pieces: list[str] | list[bytes]) -> None:
        await bounded(self.socket.send(pieces))

    async def receive(self) -> str | bytes:
        try:
            return await bounded(self.socket.recv())
        except (websockets.ConnectionClosed, PicowsClosed):
            raise self.ending() from None

    async def ping(self, payload: bytes) -> None:
        """Returns when the pong came."""
        await bounded(await self.socket.ping(payload))

    async def close(self, code: int, reason: str) -> Ended:
        await bounded(self.socket.close(code, reason))
        return self.ending()

    def ending(self) -> Ended:
        return Ended(self.socket.close_code, self.socket.close_reason or "")


class Websockets:
    name = "websockets"
    fragments = True
    bombs = True

    @asynccontextmanager
    async def connect(
        self, url: str, mode: Mode, offer: dict[str, Any] | None = None, **options: Any
    ) -> AsyncIterator[Conversation]:
        """`offer` are parameters of its own for permessage-deflate."""
        factory = ClientPerMessageDeflateFactory(**(offer or {"client_max_window_bits": True}))
        options |= {"compression": None, "extensions": None if mode is Mode.PLAIN else [factory]}
        async with websockets.connect(url, **OPTIONS | options) as socket:
            answer = socket.response_headers.get("Sec-WebSocket-Extensions", "")
            yield Conversation(socket, url, Mode.of(answer))

    @asynccontextmanager
    async def serve(self, handler: Handler, mode: Mode, subprotocols: list[str] | None = None) -> AsyncIterator[int]:
        async def talk(socket: Any) -> None:
            answer = socket.response_headers.get("Sec-WebSocket-Extensions", "")
            await handler(Conversation(socket, socket.path, Mode.of(answer)))

        extensions = [] if mode is Mode.PLAIN else [ServerPerMessageDeflateFactory()]
        options = OPTIONS | {"compression": None, "extensions": extensions, "subprotocols": subprotocols}
        async with websockets.serve(talk, "127.0.0.1", 0, **options) as server:
            yield server.sockets[0].getsockname()[1]


class Picows:
    name = "picows"
    fragments = True
    bombs = True

    @asynccontextmanager
    async def connect(self, url: str, mode: Mode, **options: Any) -> AsyncIterator[Conversation]:
        options |= {"compression": None if mode is Mode.PLAIN else "deflate"}
        async with picows.connect(url, **OPTIONS | options) as socket:
            yield Conversation(socket, url, Mode.of(socket.response.headers.get("Sec-WebSocket-Extensions", "")))

    @asynccontextmanager
    async def serve(self, handler: Handler, mode: Mode, subprotocols: list[str] | None = None) -> AsyncIterator[int]:
        async def talk(socket: Any) -> None:
            answer = socket.response.headers.get("Sec-WebSocket-Extensions", "")
            await handler(Conversation(socket, socket.request.path, Mode.of(answer)))

        def answer(_: Any, request: Any, response: Any) -> Any:
            # By itself it does not look at the parameters of an offer.
            if mode is Mode.NO_CONTEXT:
                response.headers["Sec-WebSocket-Extensions"] = NO_CONTEXT
            return response

        options = OPTIONS | {
            "compression": None if mode is Mode.PLAIN else "deflate", "process_response": answer,
            "subprotocols": subprotocols,
        }
        async with picows.serve(talk, "127.0.0.1", 0, **options) as server:
            yield server.sockets[0].getsockname()[1]


PARTNERS = {partner.name: partner for partner in (Websockets(), Aiohttp(), Picows())}
