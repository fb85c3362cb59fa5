"""A server that is known and proven, and means harm: forges, replays, floods, lies in its acknowledgements, claims crowds.

Whatever such a server says, its lies must stay with its own people, and its floods cost the others little.
"""
from __future__ import annotations

import asyncio
import json
import os
import time
from contextlib import suppress
from typing import Any, Iterable

import websockets

from harness import PATIENCE_SECONDS, new_id, require
from peer import Closed, Link, Message, Peer, encode

KEY_BYTES_MAX = 1100
DEVICES_MAX = 16


class Hostile(Peer):
    """`s9`, as one of the nodes sees it; all copies have one key, and answer nothing unless told to."""

    def linked(self, port: int) -> Link:
        """Under an epoch that the node has not seen, so that all streams begin anew: it says resume a second time."""
        self.epoch = os.urandom(8).hex()
        link = self.dial(port)
        link.hello()
        link.expect_hello()
        link.expect_proof()
        link.send("proof", signature=link.proof())
        link.send("resume", epoch=self.epoch, first=1)
        link.expect("resume")
        link.expect("resume")
        return link


def words(author: str, to: str = "public", text: str | None = "of s9") -> Message:
    envelope = {"id": new_id(), "from": author, "to": to, "at": time.time_ns() // 1_000_000}
    return envelope | ({"text": text} if text is not None else {})


def sealed(author: str, to: str) -> Message:
    """A body of the right form, which nobody can open."""
    device = os.urandom(32).hex()
    return words(author, to, None) | {"sealed": {
        "version": 1, "device": device, "nonce": encode(os.urandom(12)), "box": encode(os.urandom(272)),
        "wraps": [{"device": device, "key": encode(os.urandom(384))}], "signature": encode(os.urandom(384)),
    }}


def refusals(link: Link, seq: int) -> list[str]:
    """The codes in the acknowledgement of that place; nothing else on the link counts."""
    while True:
        told = link.expect("acknowledgement")
        if told["through"] >= seq:
            return [item["code"] for item in told["refused"] if item["seq"] == seq]


def pour(link: Link, messages: Iterable[str], seconds: float = PATIENCE_SECONDS) -> int:
    """Sends as fast as the node takes it; returns how many went out before the end, the node's or theirs."""
    async def work() -> int:
        count = 0
        end = time.monotonic() + seconds
        with suppress(websockets.ConnectionClosed):
            for message in messages:
                if time.monotonic() > end:
                    break
                await link.socket.send(message)
                count += 1
        return count

    return asyncio.run_coroutine_threadsafe(work(), link.peer.loop).result(seconds + PATIENCE_SECONDS)


def pour_pings(link: Link, count: int) -> None:
    async def work() -> None:
        with suppress(websockets.ConnectionClosed):
            for number in range(count):
                await link.socket.ping(number.to_bytes(8, "big"))

    asyncio.run_coroutine_threadsafe(work(), link.peer.loop).result(2 * PATIENCE_SECONDS)


def message(tag: str, **members: Any) -> str:
    return json.dumps({"tag": tag} | members, separators=(",", ":"))


def places(first: int, envelopes: Iterable[Message]) -> Iterable[str]:
    for seq, envelope in enumerate(envelopes, first):
        yield message("envelope", seq=seq, envelope=envelope)


def crowd(server: str, count: int, devices: int, key_bytes: int) -> Iterable[str]:
    """Pages of one snapshot that never ends: so many people with so many devices and such keys."""
    person_bytes = 100 + devices * (70 + key_bytes * 4 // 3 + 320)
    page_people = max(1, min(200, 200 // max(1, devices), 200_000 // person_bytes))
    for version, first in enumerate(range(0, count, page_people), 1):
        people: list[Message] = []
        keys: list[Message] = []
        for number in range(first, min(count, first + page_people)):
            own = [device_key(key_bytes) for _ in range(devices)]
            people.append({"address": f"p{number}@{server}", "status": "online",
                           "devices": [key["fingerprint"] for key in own]})
            keys += own
        yield message("presence", version=version, kind="snapshot", isFirst=version == 1, isLast=False, people=people,
                      keys=keys)


def device_key(key_bytes: int) -> Message:
    return {"fingerprint": os.urandom(32).hex(), "key": encode(os.urandom(key_bytes)),
            "account": "ed25519:" + encode(os.urandom(32)), "signature": encode(os.urandom(64))}


def expect_end(link: Link) -> Closed:
    """The node ends the link; returns with what words."""
    try:
        while True:
            link.receive()
    except Closed as closed:
        return closed


def receive_until(link: Link, deadline: float) -> Message | None:
    """The next message; None when the link or the time has ended."""
    async def work() -> Message | None:
        with suppress(asyncio.TimeoutError):
            return await asyncio.wait_for(link.received.get(), max(0.001, deadline - time.monotonic()))
        return None

    return link.peer.run(work())


def reflect(link: Link, seconds: float) -> int:
    """Sends back whatever comes, as it came; returns how much that was when the link or the time ended."""
    count, deadline = 0, time.monotonic() + seconds
    while said := receive_until(link, deadline):
        count += 1
        link.send_text(json.dumps(said))
    return count


def require_refused(link: Link, seq: int, envelope: Message, code: str) -> None:
    link.envelope(seq, envelope)
    codes = refusals(link, seq)
    require(codes == [code], f"{envelope} was to be refused with {code}, came {codes}")
