"""Our WebSocket layer with libraries that we did not write, in both roles, with every kind of compression.

Where the partner is the server it plays the Autobahn suite's part, so that our client comes for each case and echoes.
"""
from __future__ import annotations

import asyncio
import re
import signal
import traceback
from contextlib import AbstractAsyncContextManager
from typing import Any

from echo import EchoServer, start_client
from harness import Failed, Play, require
from interop_cases import CLOSES, Case, cases, echoes
from partner import Ended, Mode
from partners import PARTNERS

RUN = re.compile(r"^/runCase\?case=(\d+)&agent=postroad$")


def our_server_and(play: Play, name: str) -> None:
    """Every case on a connection of its own, then the server's own goodbye."""
    partner = PARTNERS[name]

    async def talk(server: EchoServer, mode: Mode) -> None:
        for case in cases(partner):
            async with partner.connect(server.url, mode) as socket:
                require(socket.mode is mode, f"{name} was to compress {mode.value}, it does {socket.mode.value}")
                await case(socket)
        async with partner.connect(server.url, mode) as socket:
            await echoes(socket, "before the end")
            server.process.signal(signal.SIGTERM)
            try:
                got = await socket.receive()
            except Ended as ended:
                require(ended.code == 1001, f"a server that stops says 1001, not {ended}")
            else:
                raise Failed(f"{got!r} came instead of the end")

    for mode in Mode:
        server = EchoServer(play, *mode.flags)
        asyncio.run(talk(server, mode))
        require(server.process.ended() == 0, f"the server ended with {server.process.child.returncode}")


class Suite:
    """Stands in for the Autobahn suite: counts the cases, plays each, and keeps what went wrong."""

    def __init__(self, mode: Mode, cases: list[Case]):
        self.mode = mode
        self.cases = cases
        self.played: set[Case] = set()
        self.faults: list[str] = []
        self.isDone = False

    async def handle(self, socket: Any) -> None:
        try:
            await self.answer(socket)
        except Exception:
            self.faults.append(f"{socket.path}: {traceback.format_exc()}")

    async def answer(self, socket: Any) -> None:
        require(socket.mode is self.mode, f"{socket.mode.value} was agreed on instead of {self.mode.value}")
        if socket.path == "/getCaseCount":
            await socket.send(str(len(self.cases)))
        elif run := RUN.match(socket.path):
            case = self.cases[int(run[1]) - 1]
            await case(socket)
            self.played.add(case)
            if case in CLOSES:
                return
        else:
            require(socket.path == "/updateReports?agent=postroad", f"{socket.path} was asked for")
            self.isDone = True
        await socket.close(1000, "")


def our_client_and(play: Play, name: str) -> None:
    partner = PARTNERS[name]

    async def serve(mode: Mode) -> Suite:
        suite = Suite(mode, cases(partner))
        async with partner.serve(suite.handle, mode) as port:
            client = start_client(play, "--autobahn", *mode.flags, f"ws://127.0.0.1:{port}")
            code = await asyncio.to_thread(client.ended)
        require(code == 0, f"the client ended with {code}: {client.log}")
        return suite

    for mode in Mode:
        suite = asyncio.run(serve(mode))
        require(not suite.faults, "\n".join(suite.faults))
        require(suite.isDone and suite.played == set(suite.cases), f"played: {suite.played}")


def a_person_and(play: Play, name: str) -> None:
    """The client as people use it: lines go out, messages are shown, the end of the input is a goodbye."""
    heard: list[str | bytes | Ended] = []

    async def handle(socket: Any) -> None:
        heard.append(f"{socket.path} {socket.subprotocol}")
        try:
            while True:
                heard.append(await socket.receive())
                await socket.send(heard[-1])
                await socket.send(b"\x00\x01")
        except Ended as ended:
            heard.append(ended)

    async def serve() -> None:
        serving: AbstractAsyncContextManager[int] = PARTNERS[name].serve(handle, Mode.CONTEXT, ["new", "old"])
        async with serving as port:
            flags = ["--deflate", "--subprotocol", "older", "--subprotocol", "old"]
            client = start_client(play, *flags, f"ws://127.0.0.1:{port}/a/b?c=d")
            for line in ("hello", "\x1b[31mgrüße\u202e", "x" * 300):
                client.write(line)
            shown = ["hello", "(2 bytes)", "�[31mgrüße�", "(2 bytes)", "x" * 300, "(2 bytes)"]
            await asyncio.to_thread(client.wait, lambda: client.lines == shown, f"{shown}")
            assert client.child.stdin
            client.child.stdin.close()
            require(await asyncio.to_thread(client.ended) == 0, f"the client ended with {client.child.returncode}")

    asyncio.run(serve())
    require(heard[:4] == ["/a/b?c=d old", "hello", "\x1b[31mgrüße\u202e", "x" * 300], f"heard: {heard}")
    require(isinstance(heard[-1], Ended) and heard[-1].code == 1000, f"a person's goodbye is 1000, not {heard[-1]}")


def scenario_our_server_and_websockets(play: Play) -> None:
    our_server_and(play, "websockets")


def scenario_our_server_and_aiohttp(play: Play) -> None:
    our_server_and(play, "aiohttp")


def scenario_our_server_and_picows(play: Play) -> None:
    our_server_and(play, "picows")


def scenario_our_client_and_websockets(play: Play) -> None:
    our_client_and(play, "websockets")


def scenario_our_client_and_aiohttp(play: Play) -> None:
    our_client_and(play, "aiohttp")


def scenario_our_client_and_picows(play: Play) -> None:
    our_client_and(play, "picows")


def scenario_a_person_at_our_client_and_each_server(play: Play) -> None:
    for name in PARTNERS:
        a_person_and(play, name)
