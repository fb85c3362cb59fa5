"""The programs of Examples that echo: `websocket-echo-server` and `websocket-echo-client`."""
from __future__ import annotations

import re

from harness import Play, Process

ADDRESS = re.compile(r"^ws://127\.0\.0\.1:(\d+)/echo$")
# What both of them take, by their own limits.
MESSAGE_BYTES_MAX = 16 << 20
CONNECTIONS_MAX = 1000


class EchoServer:
    def __init__(self, play: Play, *flags: str):
        command = [play.binaries / "websocket-echo-server", "--port", "0", *flags]
        self.process = play.spawn("the echo server", command, play.folder)
        self.port = self.process.wait(self.told_port, "the echo server's address")
        self.url = f"ws://127.0.0.1:{self.port}/echo"

    def told_port(self) -> int | None:
        found = ADDRESS.match(self.process.lines[0]) if self.process.lines else None
        return int(found[1]) if found else None


def start_client(play: Play, *words: str) -> Process:
    return play.spawn("the echo client", [play.binaries / "websocket-echo-client", *words], play.folder)
