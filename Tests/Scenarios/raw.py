"""A client of the documented protocol that can also break it: sends any bytes and reads line by line.

Written from Docs/protocol/client.md, not from the programs under test. Standard library only.
"""
from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import socket
import time
from typing import Any

from harness import PATIENCE_SECONDS, Failed, Node, password_of, require

Line = dict[str, Any]


class Connection:
    """A TCP connection whose every wait has a deadline."""

    def __init__(self, port: int):
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS)
        self.buffer = b""

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: Any) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.settimeout(PATIENCE_SECONDS)
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the node has closed already; its last word is still to be read

    def receive(self, deadline: float) -> bytes:
        """More bytes; none at the end."""
        self.socket.settimeout(max(0.001, deadline - time.monotonic()))
        try:
            return self.socket.recv(65536)
        except ConnectionResetError:
            return b""
        except TimeoutError:
            raise Failed(f"nothing came; so far {self.buffer[:200]!r}") from None

    def read_until(self, mark: bytes) -> bytes:
        """Everything up to the mark, which must come and is dropped."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while mark not in self.buffer:
            data = self.receive(deadline)
            require(bool(data), f"the stream ended: {self.buffer[:200]!r}")
            self.buffer += data
        head, _, self.buffer = self.buffer.partition(mark)
        return head

    def read_to_end(self) -> bytes:
        """Everything up to the end of the stream, which must come."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while data := self.receive(deadline):
            self.buffer += data
        return self.buffer


class RawClient(Connection):
    def __init__(self, node: Node):
        super().__init__(node.client_port)
        self.node = node

    def say(self, line: Line) -> None:
        self.send(json.dumps(line).encode() + b"\n")

    def next_line(self) -> Line | None:
        """The next line, or None at the end of the stream."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while b"\n" not in self.buffer:
            data = self.receive(deadline)
            if not data:
                require(not self.buffer, f"the stream ended inside of a line: {self.buffer[:200]!r}")
                return None
            self.buffer += data
        line, _, self.buffer = self.buffer.partition(b"\n")
        return json.loads(line)

    def expect(self, tag: str, **members: Any) -> Line:
        """The next line with that tag; others may come before it, but no refusal."""
        while line := self.next_line():
            if line["tag"] == tag:
                for name, value in members.items():
                    require(line.get(name) == value, f"{tag} with {name} = {value!r} was expected, came {line}")
                return line
            require(line["tag"] not in ("refused", "closing"), f"{tag} was expected, came {line}")
        raise Failed(f"{tag} was expected, the connection ended")

    def expect_any(self, tag: str) -> Line:
        """The next line with that tag, refusals too."""
        while line := self.next_line():
            if line["tag"] == tag:
                return line
        raise Failed(f"{tag} was expected, the connection ended")

    def expect_refusal(self, code: str, **members: Any) -> Line:
        line = self.expect("refused", code=code, **members)
        require(bool(line.get("text")), f"a refusal has a sentence for people: {line}")
        return line

    def expect_end(self, code: str) -> Line:
        """The node's last line names the reason, and the stream ends."""
        lines = []
        while line := self.next_line():
            lines.append(line)
        require(bool(lines), f"the connection was to end with {code}, it ended without a word")
        require(lines[-1]["tag"] == "closing" and lines[-1]["code"] == code, f"{code} was expected, came {lines[-1]}")
        require(bool(lines[-1].get("text")), f"the reason has a sentence for people: {lines[-1]}")
        return lines[-1]

    def hello(self, server: str | None = None) -> Line:
        self.nonce = os.urandom(32)
        nonce = base64.b64encode(self.nonce).decode()
        self.say({"tag": "hello", "version": 1, "server": server or self.node.name, "nonce": nonce})
        return self.expect("hello")

    def answer_challenge(self, user: str, password: str) -> str:
        """SCRAM-SHA-256 (RFC 5802 §5) without channel binding; returns the verifier that the node has to show."""
        client_nonce = base64.b64encode(os.urandom(18)).decode()
        first = f"n={user},r={client_nonce}"
        self.say({"tag": "login", "user": user, "data": f"n,,{first}"})
        challenge = self.expect("challenge")["data"]
        fields = dict(part.split("=", 1) for part in challenge.split(","))
        require(fields["r"].startswith(client_nonce), "the challenge continues another login")
        salt, iterations = base64.b64decode(fields["s"]), int(fields["i"])
        salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations)
        final = f"c=biws,r={fields['r']}"
        exchange = f"{first},{challenge},{final}".encode()
        client_key = keyed(salted, b"Client Key")
        signature = keyed(hashlib.sha256(client_key).digest(), exchange)
        proof = bytes(left ^ right for left, right in zip(client_key, signature))
        self.say({"tag": "response", "data": f"{final},p={base64.b64encode(proof).decode()}"})
        return base64.b64encode(keyed(keyed(salted, b"Server Key"), exchange)).decode()

    def login(self, user: str) -> Line:
        verifier = self.answer_challenge(user, password_of(user))
        welcome = self.expect("welcome")
        require(welcome["data"] == f"v={verifier}", "the node did not prove that it knows the verifier")
        return welcome

    def logged_in(self, user: str) -> RawClient:
        self.hello()
        self.login(user)
        return self


def keyed(key: bytes, data: bytes) -> bytes:
    return hmac.new(key, data, hashlib.sha256).digest()
