"""Noise on every port while people talk: from strangers, before and after a handshake, and from a server that is known."""
from __future__ import annotations

import json
import os
import random
import socket
import ssl
import struct
from collections import Counter
from contextlib import suppress

from attack import frame, opening
from harness import Node, Play, require, shows
from hostile import words
from peer import Link
from raw import Connection
from scenario_hostile import Ring, expect_good_words

STRANGERS = 400
AT_ONCE = 50
TLS_STRANGERS = 50
PROVEN = 40
NOISE_BYTES = 200
# RST instead of FIN (socket(7), SO_LINGER).
LINGER_NONE = struct.pack("ii", 1, 0)


def tls_context() -> ssl.SSLContext:
    """Whose certificate it is does not matter to somebody who only makes noise."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def tls_hello() -> bytes:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with suppress(ssl.SSLWantReadError):
        tls_context().wrap_bio(incoming, outgoing).do_handshake()
    return outgoing.read()


def good_beginnings() -> list[bytes]:
    """What a link, a client and TLS begin with; all of it on both ports."""
    nonce = "QEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXWFlaW1xdXl8="
    key = "ed25519:A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg="
    hello = json.dumps({"tag": "hello", "version": 1, "from": "s2", "to": "s1", "nonce": nonce, "key": key}).encode()
    line = json.dumps({"tag": "hello", "version": 1, "server": "s1", "nonce": nonce}).encode()
    login = json.dumps({"tag": "login", "user": "alice", "data": "n,,n=alice,r=abcdefgh"}).encode()
    return [opening("/"), opening("/") + frame(0x81, hello), line + b"\n" + login + b"\n", tls_hello()]


def spoilt(chance: random.Random, data: bytes) -> bytes:
    """Cut off, with other bytes in it, before it or behind it, twice, or nothing but noise."""
    noise, at = chance.randbytes(chance.randrange(1, NOISE_BYTES)), chance.randrange(len(data))
    flipped = bytearray(data)
    for _ in range(chance.randrange(1, 9)):
        flipped[chance.randrange(len(data))] ^= chance.randrange(1, 256)
    return chance.choice([
        data[:at], bytes(flipped), data[:at] + noise + data[at:], noise + data, data + noise, data + data, noise])


def strangers(node: Node, chance: random.Random, count: int) -> None:
    """Each says something spoilt; half of them then wait for the node to end, the others are gone at once."""
    beginnings = good_beginnings()
    waiting: list[Connection] = []
    for _ in range(count):
        stranger = Connection(chance.choice([node.link_port, node.client_port]))
        stranger.send(spoilt(chance, chance.choice(beginnings)))
        if chance.random() < 0.5:
            stranger.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NONE)
            stranger.socket.close()
            continue
        with suppress(OSError):  # the node has ended it already
            stranger.socket.shutdown(socket.SHUT_WR)
        waiting.append(stranger)
    for stranger in waiting:
        with stranger:
            stranger.read_to_end()


def noise_under_tls(node: Node, chance: random.Random) -> None:
    """A whole handshake, and then records that are none, or noise in good records."""
    with Connection(chance.choice([node.link_port, node.client_port])) as stranger:
        with tls_context().wrap_socket(stranger.socket) as wrapped:
            noise = chance.randbytes(NOISE_BYTES)
            with suppress(OSError):
                if chance.random() < 0.5:
                    with socket.socket(fileno=os.dup(wrapped.fileno())) as below:
                        below.sendall(noise)
                else:
                    wrapped.sendall(noise + b"\n\r\n\r\n")
                while wrapped.recv(4096):
                    pass


def noise_on(link: Link, chance: random.Random) -> None:
    """As frames and beside frames, on a link that is proven."""
    good = frame(0x81, json.dumps({"tag": "envelope", "seq": 1, "envelope": words("zoe@s9")}).encode())
    data = spoilt(chance, good)

    def write() -> None:
        link.socket.transport.write(data)
        # What looks like the beginning of a frame would be waited for.
        link.socket.transport.write_eof()

    link.peer.loop.call_soon_threadsafe(write)
    while link.peer.run(link.received.get()) is not None:
        pass


@shows("fault 18")
def scenario_garbage_amid_traffic_ends_itself_and_nothing_else(play: Play) -> None:
    ring = Ring(play)
    chance = random.Random(play.seed)
    s1 = ring.s1
    since = len(s1.log)
    said: Counter[str] = Counter()
    with ring.unharmed():
        for number in range(STRANGERS // AT_ONCE):
            strangers(s1, chance, AT_ONCE)
            ring.burst(1)
        for _ in range(TLS_STRANGERS):
            noise_under_tls(s1, chance)
        ring.burst(1)
        for _ in range(PROVEN):
            noise_on(ring.link(), chance)
        expect_good_words(ring, ring.link(), 1)
    for line in s1.log[since:]:
        said[json.loads(line)["event"]] += 1
    lines = sum(said.values())
    print(f"  {STRANGERS + TLS_STRANGERS} strangers and {PROVEN} links made noise; the log has {lines} lines: {dict(said)}", flush=True)
    # A line when a known server comes and goes, and for what a stranger did one at most.
    require(lines <= STRANGERS + TLS_STRANGERS + 3 * (PROVEN + 2), f"the log was flooded: {said}")
