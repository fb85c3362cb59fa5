"""aiohttp as a partner; see partners.py."""
from __future__ import annotations

import logging
from contextlib import asynccontextmanager
from typing import Any, AsyncIterator

import aiohttp
from aiohttp import web

from harness import Failed
from partner import Ended, Handler, Mode, bounded

# A client without a common subprotocol is no reason to warn anybody.
logging.getLogger("aiohttp.websocket").setLevel(logging.ERROR)


class AiohttpConversation:
    def __init__(self, socket: Any, path: str, mode: Mode, subprotocol: str | None):
        self.socket = socket
        self.path = path
        self.mode = mode
        self.subprotocol = subprotocol

    async def send(self, message: str | bytes) -> None:
        try:
            await bounded(self.socket.send_str(message) if isinstance(message, str) else self.socket.send_bytes(message))
        except ConnectionResetError:
            pass

    async def receive(self) -> str | bytes:
        while True:
            message = await bounded(self.socket.receive())
            if message.type is aiohttp.WSMsgType.PING:
                await self.socket.pong(message.data)
            elif message.type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
                return message.data
            elif message.type is aiohttp.WSMsgType.CLOSE:
                raise Ended(message.data, message.extra or "")
            else:
                raise Ended(self.socket.close_code, f"{message}")

    async def ping(self, payload: bytes) -> None:
        await self.socket.ping(payload)
        message = await bounded(self.socket.receive())
        if message.type is not aiohttp.WSMsgType.PONG or bytes(message.data) != payload:
            raise Failed(f"a pong was expected, came {message}")

    async def close(self, code: int, reason: str) -> Ended:
        await bounded(self.socket.close(code=code, message=reason.encode()))
        return Ended(self.socket.close_code, reason)


class Aiohttp:
    name = "aiohttp"
    # It has no call for them.
    fragments = False
    # It compresses in haste, to less than a 250th.
    bombs = False
    options: dict[str, Any] = {"max_msg_size": 0, "autoping": False}

    @asynccontextmanager
    async def connect(self, url: str, mode: Mode, **options: Any) -> AsyncIterator[AiohttpConversation]:
        options = {{"subprotocols": "protocols"}.get(name, name): value for name, value in options.items()}
        options |= {"compress": 0 if mode is Mode.PLAIN else 15}
        async with aiohttp.ClientSession() as session, session.ws_connect(url, **self.options | options) as socket:
            agreed = Mode.NO_CONTEXT if socket.client_notakeover else Mode.CONTEXT if socket.compress else Mode.PLAIN
            yield AiohttpConversation(socket, url, agreed, socket.protocol)

    @asynccontextmanager
    async def serve(self, handler: Handler, mode: Mode, subprotocols: list[str] | None = None) -> AsyncIterator[int]:
        async def talk(request: web.Request) -> web.WebSocketResponse:
            socket = web.WebSocketResponse(
                compress=mode is not Mode.PLAIN, protocols=subprotocols or (), **self.options)
            await socket.prepare(request)
            answer = Mode.of(socket.headers.get("Sec-WebSocket-Extensions", ""))
            await handler(AiohttpConversation(socket, request.path_qs, answer, socket.ws_protocol))
            return socket

        application = web.Application()
        application.router.add_get("/{path:.*}", talk)
        runner = web.AppRunner(application)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            yield runner.addresses[0][1]
        finally:
            await runner.cleanup()
