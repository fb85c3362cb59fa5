"""Frames one by one, written by picows, which leaves each to its caller: what libraries that speak in messages never send."""
from __future__ import annotations

import asyncio
import zlib
from dataclasses import dataclass
from typing import Any

from echo import EchoServer, start_client
from harness import Play, require
from partner import bounded
from partners import raw_picows

Type = raw_picows.WSMsgType
TAIL = b"\x00\x00\xff\xff"


@dataclass
class Sent:
    kind: Any
    payload: bytes
    fin: bool = True
    rsv1: bool = False


def deflated(payload: bytes) -> bytes:
    shrinking = zlib.compressobj(wbits=-15)
    return (shrinking.compress(payload) + shrinking.flush(zlib.Z_SYNC_FLUSH)).removesuffix(TAIL)


# Frames, and what comes back: other frames, or a close frame's code, None if it has none.
Case = tuple[list[Sent], Any]
GREETING = "grüß \U0001f600".encode()
BOTH: list[Case] = [
    # A text cut inside of its characters, with control frames between the pieces.
    ([Sent(Type.TEXT, GREETING[:3], fin=False), Sent(Type.PING, b"now"), Sent(Type.CONTINUATION, GREETING[3:8], fin=False),
      Sent(Type.PONG, b"unasked"), Sent(Type.CONTINUATION, GREETING[8:])],
     [(Type.PONG, b"now"), (Type.TEXT, GREETING)]),
    ([Sent(Type.BINARY, b"", fin=False), Sent(Type.CONTINUATION, b"")], [(Type.BINARY, b"")]),
    ([Sent(Type.TEXT, b"\xff")], 1007),
    ([Sent(Type.TEXT, GREETING[:3])], 1007),
    ([Sent(Type.TEXT, b"\xed\xa0\x80", fin=False)], 1007),
    ([Sent(Type.CONTINUATION, b"of nothing")], 1002),
    ([Sent(Type.TEXT, b"a", fin=False), Sent(Type.TEXT, b"b")], 1002),
    ([Sent(Type.PING, b"a", fin=False)], 1002),
    ([Sent(Type.PING, bytes(126))], 1002),
    ([Sent(Type.CLOSE, b"\x03")], 1002),
    ([Sent(Type.CLOSE, b"\x03\xee")], 1002),  # 1006
    ([Sent(Type.CLOSE, b"\x03\xe8\xff")], 1007),
    ([Sent(Type.CLOSE, b"")], None),
    ([Sent(Type.CLOSE, b"\x0f\xa0bye")], 4000),
]
PLAIN: list[Case] = [([Sent(Type.TEXT, deflated(b"not agreed on"), rsv1=True)], 1002)]
COMPRESSED: list[Case] = [
    ([Sent(Type.TEXT, deflated(GREETING), rsv1=True)], [(Type.TEXT, GREETING)]),
    ([Sent(Type.TEXT, deflated(GREETING)[:4], fin=False, rsv1=True), Sent(Type.CONTINUATION, deflated(GREETING)[4:])],
     [(Type.TEXT, GREETING)]),
    ([Sent(Type.TEXT, GREETING)], [(Type.TEXT, GREETING)]),
    ([Sent(Type.BINARY, b"\x00", rsv1=True)], [(Type.BINARY, b"")]),
    ([Sent(Type.PING, b"a", rsv1=True)], 1002),
    ([Sent(Type.TEXT, deflated(b"a"), fin=False, rsv1=True), Sent(Type.CONTINUATION, b"", rsv1=True)], 1002),
    ([Sent(Type.TEXT, b"\x07", rsv1=True)], 1007),
    ([Sent(Type.TEXT, deflated(b"\xff"), rsv1=True)], 1007),
    ([Sent(Type.BINARY, deflated(bytes(1 << 20)), rsv1=True)], 1008),
    ([Sent(Type.BINARY, deflated(bytes(range(256)) * 70_000), rsv1=True)], 1008),
]


class Listener(raw_picows.WSListener):
    """Sends one case's frames once it is connected, and keeps what comes."""

    def __init__(self, frames: list[Sent]):
        self.frames = frames
        self.came: asyncio.Queue[Any] = asyncio.Queue()
        self.transport: Any = None

    def on_ws_connected(self, transport: Any) -> None:
        self.transport = transport
        for sent in self.frames:
            transport.send(sent.kind, sent.payload, sent.fin, sent.rsv1)

    def on_ws_frame(self, transport: Any, frame: Any) -> None:
        payload = frame.get_payload_as_bytes()
        if frame.msg_type != Type.CLOSE:
            return self.came.put_nowait((frame.msg_type, payload))
        self.came.put_nowait(int.from_bytes(payload[:2], "big") if payload else None)
        if not transport.is_close_frame_sent:
            transport.send(Type.CLOSE, payload[:2])
        transport.disconnect()

    def on_ws_disconnected(self, transport: Any) -> None:
        self.came.put_nowait("the end")

    async def expect(self, expected: Any) -> None:
        """Frames in that order, or a close frame with that code; then the end, which is ours to bring about."""
        answers = expected if isinstance(expected, list) else [expected]
        for wanted in answers:
            await self.expect_one(wanted)
        if isinstance(expected, list):
            self.transport.send(Type.CLOSE, b"\x03\xe8")
            await self.expect_one(1000)
        await self.expect_one("the end")

    async def expect_one(self, wanted: Any) -> None:
        got = await bounded(self.came.get())
        require(got == wanted, f"{self.frames} was answered with {got!r} instead of {wanted!r}")


async def dial(url: str, cases: list[Case], headers: dict[str, str]) -> None:
    for frames, expected in cases:
        _, listener = await raw_picows.ws_connect(
            lambda: Listener(frames), url, enable_auto_pong=False, extra_headers=headers)
        await listener.expect(expected)


async def serve(play: Play, cases: list[Case], flags: list[str], headers: dict[str, str]) -> None:
    """Plays the Autobahn suite's part: our client connects once for the count, for each case, and for the report."""
    goodbye = Sent(Type.CLOSE, b"\x03\xe8")
    parts: list[Case] = [([Sent(Type.TEXT, str(len(cases)).encode()), goodbye], 1000), *cases, ([goodbye], 1000)]
    waiting = [Listener(frames) for frames, _ in parts]
    coming = iter(waiting)

    def accept(_: Any) -> Any:
        answer = raw_picows.WSUpgradeResponse.create_101_response(headers)
        return raw_picows.WSUpgradeResponseWithListener(answer, next(coming))

    async with await raw_picows.ws_create_server(accept, "127.0.0.1", 0, enable_auto_pong=False) as server:
        port = server.sockets[0].getsockname()[1]
        client = start_client(play, *flags, "--autobahn", f"ws://127.0.0.1:{port}")
        for listener, (_, expected) in zip(waiting, parts):
            await listener.expect(expected)
        require(await asyncio.to_thread(client.ended) == 0, f"the client: {client.log}")


OFFER = {"Sec-WebSocket-Extensions": "permessage-deflate"}


def scenario_our_server_and_frames_of_every_kind(play: Play) -> None:
    asyncio.run(dial(EchoServer(play).url, BOTH + PLAIN, {}))
    asyncio.run(dial(EchoServer(play, "--deflate").url, BOTH + COMPRESSED, OFFER))


def scenario_our_client_and_frames_of_every_kind(play: Play) -> None:
    asyncio.run(serve(play, BOTH + PLAIN, [], {}))
    asyncio.run(serve(play, BOTH + COMPRESSED, ["--deflate"], OFFER))
