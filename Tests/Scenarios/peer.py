"""A node of another make: speaks the link protocol as Docs/protocol/federation.md has it, on the `websockets` and
`cryptography` packages, and can break it at every step. Every message goes out in several frames.
"""
from __future__ import annotations

import asyncio
import base64
import json
import os
import threading
from contextlib import suppress
from typing import Any, Awaitable, TypeVar

import websockets
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from harness import PATIENCE_SECONDS, Failed, require

Message = dict[str, Any]
Result = TypeVar("Result")

FRAGMENT_CHARACTERS = 40
FRAGMENTS_MAX = 1000
REFUSAL_CLOSE_CODE = 4000
ENDING_TURNS = 10
# No extension and no pings of our own; a connection that the node leaves open is soon dropped.
OPTIONS: dict[str, Any] = {"compression": None, "ping_interval": None, "close_timeout": 1}


def field(data: bytes) -> bytes:
    """A field of a signed text: its length in 4 bytes, network order, then the field."""
    return len(data).to_bytes(4, "big") + data


def encode(data: bytes) -> str:
    return base64.b64encode(data).decode()


def decode_key(text: str) -> bytes:
    scheme, _, data = text.partition(":")
    require(scheme == "ed25519", f"an identity key begins with ed25519:, not {text!r}")
    return base64.b64decode(data, validate=True)


def transcript(signer: str, dialler: Message, acceptor: Message) -> bytes:
    """What `signer` ("dialler" or "acceptor") signs; the other two are the hellos."""
    parts = [b"postroad-link-proof", str(dialler["version"]).encode(), b"ws", signer.encode()]
    for hello in (dialler, acceptor):
        parts += [hello["from"].encode(), decode_key(hello["key"]), base64.b64decode(hello["nonce"])]
    is_test = all(hello.get("purpose") == "test" for hello in (dialler, acceptor))
    return b"".join(field(part) for part in [*parts, b"plaintext", *([b"test"] if is_test else [])])


def rotation(server: str, old: Ed25519PrivateKey, new: Ed25519PrivateKey, at: int = 1_795_000_000_000) -> Message:
    """The word of both keys that `new` takes the place of `old`."""
    keys = [key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw) for key in (old, new)]
    parts = [b"postroad-key-rotation-1", server.encode(), *keys, str(at).encode()]
    signed = b"".join(field(part) for part in parts)
    return {
        "old": "ed25519:" + encode(keys[0]), "new": "ed25519:" + encode(keys[1]), "at": at,
        "byOld": encode(old.sign(signed)), "byNew": encode(new.sign(signed)),
    }


class Closed(Exception):
    """The node ended the link."""

    def __init__(self, code: int, reason: str):
        super().__init__(f"closed with {code} {reason!r}")
        self.code = code
        self.reason = reason


class Link:
    """One WebSocket to a node, used from the scenario's thread."""

    def __init__(self, peer: Peer, socket: Any, role: str):
        self.peer = peer
        self.socket = socket
        self.role = role
        self.own_hello: Message = {}
        self.node_hello: Message = {}
        self.received: asyncio.Queue[Message | None] = asyncio.Queue()
        # All that the scenario has taken from there.
        self.heard: list[Message] = []
        asyncio.run_coroutine_threadsafe(self.listen(), peer.loop)

    def send_text(self, text: str) -> None:
        size = max(FRAGMENT_CHARACTERS, -(-len(text) // FRAGMENTS_MAX))
        pieces = [text[at:at + size] for at in range(0, len(text), size)]
        with suppress(websockets.ConnectionClosed):  # the reason is told to whoever receives next
            self.peer.run(self.socket.send(pieces))

    def send(self, tag: str, **members: Any) -> None:
        self.send_text(json.dumps({"tag": tag} | members))

    def send_binary(self, data: bytes) -> None:
        self.peer.run(self.socket.send(data))

    async def listen(self) -> None:
        """Collects what comes; the node's questions for keys are answered on the spot."""
        with suppress(websockets.ConnectionClosed):
            async for text in self.socket:
                message = json.loads(text)
                if message["tag"] == "keysWanted":
                    await self.socket.send(json.dumps(self.peer.keys(message)))
                else:
                    await self.received.put(message)
        await self.received.put(None)

    def receive(self) -> Message:
        """The next message, questions for keys aside."""
        message = self.peer.run(self.received.get())
        if message is None:
            raise Closed(self.socket.close_code, self.socket.close_reason)
        self.heard.append(message)
        return message

    def expect(self, tag: str, **members: Any) -> Message:
        """The next message with that tag and those members; others, such as presence, may come before it."""
        while message := self.receive():
            if message["tag"] == tag and all(message.get(name) == value for name, value in members.items()):
                return message
        raise Failed("unreachable")

    def expect_refusal(self, code: str) -> None:
        """The node ends the link and says why: close code 4000, and a reason of the form `code: text`."""
        try:
            while True:
                self.receive()
        except Closed as closed:
            is_named = closed.code == REFUSAL_CLOSE_CODE and closed.reason.startswith(f"{code}: ")
            require(is_named, f"the link was to be refused with {code}, it {closed}")

    def close(self) -> None:
        self.peer.run(self.socket.close())

    def hello(self, **changes: Any) -> Message:
        """Says hello with a fresh nonce; `changes` replace members."""
        self.own_hello = {
            "version": 1, "from": self.peer.name, "to": self.peer.node, "nonce": encode(os.urandom(32)),
            "key": self.peer.key_text,
        } | changes
        self.send("hello", **self.own_hello)
        return self.own_hello

    def expect_hello(self) -> Message:
        self.node_hello = self.expect("hello")
        require(self.node_hello["from"] == self.peer.node and self.node_hello["to"] == self.peer.name,
                f"the node introduces itself wrongly: {self.node_hello}")
        return self.node_hello

    def both(self) -> tuple[Message, Message]:
        """The dialler's hello and the acceptor's."""
        pair = (self.own_hello, self.node_hello)
        return pair if self.role == "dialler" else pair[::-1]

    def expect_proof(self) -> None:
        signature = base64.b64decode(self.expect("proof")["signature"])
        other = "acceptor" if self.role == "dialler" else "dialler"
        key = Ed25519PublicKey.from_public_bytes(decode_key(self.node_hello["key"]))
        key.verify(signature, transcript(other, *self.both()))

    def proof(self) -> str:
        return encode(self.peer.key.sign(transcript(self.role, *self.both())))

    def prove(self) -> Link:
        """The whole opening in the role of this side, up to both sides' `resume`."""
        if self.role == "dialler":
            self.hello()
            self.expect_hello()
            self.expect_proof()
            self.send("proof", signature=self.proof())
        else:
            self.expect_hello()
            self.hello()
            self.send("proof", signature=self.proof())
            self.expect_proof()
        self.send("resume", epoch=self.peer.epoch, first=1)
        self.expect("resume")
        return self

    def envelope(self, seq: int, envelope: Message) -> None:
        self.send("envelope", seq=seq, envelope=envelope)

    def acknowledge(self, through: int) -> None:
        self.send("acknowledgement", through=through, refused=[])


class Peer:
    """A server name with its key, which dials a node or is dialled by it."""

    def __init__(self, name: str, node: str, key: Ed25519PrivateKey | None = None):
        self.name = name
        self.node = node
        self.take_key(key or Ed25519PrivateKey.generate())
        self.epoch = os.urandom(8).hex()
        # The device keys of its people, by user name.
        self.devices: dict[str, list[Message]] = {}
        self.loop = asyncio.new_event_loop()
        self.accepted: asyncio.Queue[Any] = asyncio.Queue()
        self.server: Any = None
        # A loop of its own answers pings also while the scenario looks elsewhere.
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *_: Any) -> None:
        asyncio.run_coroutine_threadsafe(self.end(), self.loop).result(PATIENCE_SECONDS)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()

    async def end(self) -> None:
        """Drops every connection as it stands. Each turn lets callbacks run that start tasks anew."""
        if self.server:
            self.server.close()
        for _ in range(ENDING_TURNS):
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
            await asyncio.sleep(0)

    def keys(self, wanted: Message) -> Message:
        """The answer to `keysWanted`."""
        answer = {"tag": "keys", "ref": wanted["ref"], "user": wanted["user"]}
        devices = self.devices.get(wanted["user"], [])
        if not devices:
            answer["refusal"] = {"code": "unknown-user", "text": "there is nobody of that name here"}
        return answer | {"devices": devices}

    def take_key(self, key: Ed25519PrivateKey) -> None:
        self.key = key
        self.key_bytes = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.key_text = "ed25519:" + encode(self.key_bytes)

    def run(self, work: Awaitable[Result]) -> Result:
        async def bounded() -> Result:
            return await asyncio.wait_for(work, PATIENCE_SECONDS)

        try:
            return asyncio.run_coroutine_threadsafe(bounded(), self.loop).result()
        except asyncio.TimeoutError:
            raise Failed(f"{self.name} waited {PATIENCE_SECONDS:.0f} s for its node") from None

    def dial(self, port: int) -> Link:
        async def connected() -> Any:
            return await websockets.connect(f"ws://127.0.0.1:{port}/", **OPTIONS)

        return Link(self, self.run(connected()), "dialler")

    def listen(self) -> int:
        """Returns the port, which the kernel chose."""

        async def keep(socket: Any) -> None:
            await self.accepted.put(socket)
            await socket.wait_closed()

        async def serve() -> Any:
            return await websockets.serve(keep, "127.0.0.1", 0, **OPTIONS)

        self.server = self.run(serve())
        return self.server.sockets[0].getsockname()[1]

    def accept(self) -> Link:
        return Link(self, self.run(self.accepted.get()), "acceptor")
