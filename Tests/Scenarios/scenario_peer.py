"""A node of another make links with ours in both roles; whoever is not who they say is refused by name."""
from __future__ import annotations

import base64
import json
import time
from contextlib import contextmanager
from typing import Iterator

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from harness import ROOT, Client, Node, Play, new_id, require, shows
from peer import Link, Message, Peer, decode_key, transcript
from raw import Connection
from sealing import Person


def scenario_the_documented_example_is_right(_: Play) -> None:
    """The hellos and proofs of the worked example fit each other, as this peer computes them."""
    lines = (ROOT / "Docs/protocol/federation.md").read_text().splitlines()
    hellos = [json.loads(line) for line in lines if line.startswith('{"tag":"hello"')]
    proofs = [json.loads(line)["signature"] for line in lines if line.startswith('{"tag":"proof"')]
    require(len(hellos) == 2 == len(proofs), "the document shows two hellos, then the acceptor's and dialler's proof")
    for role, hello, proof in zip(("acceptor", "dialler"), hellos[::-1], proofs):
        key = Ed25519PublicKey.from_public_bytes(decode_key(hello["key"]))
        key.verify(base64.b64decode(proof, validate=True), transcript(role, *hellos))


def words(author: str, to: str) -> Message:
    """An envelope that lacks its body."""
    return {"id": new_id(), "from": author, "to": to, "at": time.time_ns() // 1_000_000}


def public_words(author: str, text: str) -> Message:
    return words(author, "public") | {"text": text}


def exchange_one_each_way(link: Link, alice: Client) -> None:
    there = public_words(f"zoe@{link.peer.name}", "from a node of another make")
    link.envelope(1, there)
    got = alice.expect("message", id=there["id"])
    require(got["from"] == there["from"] and got["text"] == there["text"], f"alice got {got}")
    link.expect("acknowledgement", through=1, refused=[])
    back = alice.send("public", "and back again")
    arrived = link.expect("envelope")
    require(arrived["envelope"]["id"] == back, f"the node sent {arrived}")
    require(arrived["envelope"]["from"] == alice.name and arrived["envelope"]["text"] == "and back again", "unchanged")
    require("delivered" not in [event["state"] for event in alice.all("state", id=back)], "not acknowledged yet")
    link.acknowledge(arrived["seq"])
    alice.expect("state", id=back, state="delivered")


def scenario_a_pinned_peer_dials_us(play: Play) -> None:
    with Peer("s9", "s1") as peer:
        node = play.node("s1", mailing_address={"s9": {"key": peer.key_text}})
        alice = play.client("alice@s1")
        exchange_one_each_way(peer.dial(node.link_port).prove(), alice)


def scenario_we_dial_a_peer(play: Play) -> None:
    with Peer("s9", "s1") as peer:
        play.node("s1", mailing_address={"s9": f"ws://127.0.0.1:{peer.listen()}"})
        alice = play.client("alice@s1")
        link = peer.accept().prove()
        require(link.node_hello["key"] == play.nodes["s1"].fingerprint, "the node proves the key that it prints")
        exchange_one_each_way(link, alice)


def scenario_an_envelope_sent_again_after_a_cut_is_there_once(play: Play) -> None:
    with Peer("s9", "s1") as peer:
        node = play.node("s1", mailing_address={"s9": {"key": peer.key_text}})
        alice = play.client("alice@s1")
        words = public_words("zoe@s9", "said once")
        first = peer.dial(node.link_port).prove()
        first.envelope(1, words)
        first.expect("acknowledgement", through=1)
        first.close()
        second = peer.dial(node.link_port).prove()
        second.envelope(1, words)
        second.envelope(2, public_words("zoe@s9", "said afterwards"))
        second.expect("acknowledgement", through=2)
        alice.expect("message", text="said afterwards")
        require(alice.texts() == ["said once", "said afterwards"], f"alice saw {alice.texts()}")


def scenario_sealed_words_are_read_by_programs_of_another_make(play: Play) -> None:
    with Peer("s9", "s1") as peer:
        node = play.node("s1", mailing_address={"s9": {"key": peer.key_text}})
        alice, zoe = play.client("alice@s1"), Person("zoe@s9")
        peer.devices["zoe"] = [zoe.device_key]
        link = peer.dial(node.link_port).prove()
        link.send("presence", version=1, kind="snapshot", isFirst=True, isLast=True, keys=[zoe.device_key],
                  people=[{"address": zoe.address, "status": "online", "devices": [zoe.fingerprint]}])
        alice.expect_online(zoe.address)
        link.send("keysWanted", ref=1, user="alice")
        devices = link.expect("keys", ref=1)["devices"]
        require(len(devices) == 1, f"alice has one device, not {devices}")

        envelope = words(zoe.address, alice.name)
        link.envelope(1, zoe.seal(envelope, "sealed elsewhere 🌷", devices))
        got = alice.expect("message", id=envelope["id"])
        require(got["text"] == "sealed elsewhere 🌷" and got["encrypted"] is True, f"alice read {got}")

        back = alice.send(zoe.address, "read elsewhere")
        arrived = link.expect("envelope")
        require(arrived["envelope"]["id"] == back, f"the node sent {arrived}")
        require(zoe.open(arrived["envelope"], devices) == "read elsewhere", "zoe reads alice's words")
        link.acknowledge(arrived["seq"])
        alice.expect("state", id=back, state="delivered")

        forged = words(zoe.address, alice.name)
        link.envelope(2, Person(zoe.address).seal(forged, "by another hand", devices))
        link.expect("acknowledgement", through=2)
        link.envelope(3, zoe.seal(last := words(zoe.address, alice.name), "the end", devices))
        alice.expect("message", id=last["id"], text="the end")
        shown = [event.get("text") for event in alice.all("message", id=forged["id"])]
        require("by another hand" not in shown, "alice is shown words that zoe did not sign")


@contextmanager
def neighbours_undisturbed(play: Play, peer: Peer, setup: Message) -> Iterator[Node]:
    """alice and carol talk before, and the same sessions talk after; nobody heard of what went on between."""
    node = play.node("s1", mailing_address={peer.name: setup})
    alice, carol = play.client("alice@s1"), play.client("carol@s1")
    carol.expect("message", id=alice.send("public", "before"))
    yield node
    after = alice.send("public", "after")
    for client in (alice, carol):
        client.expect("message", id=after)
        require(client.texts() == ["before", "after"], f"{client.name} saw {client.texts()}")
        require(not client.all("disconnected"), f"{client.name} lost its connection")


def scenario_a_hello_that_does_not_fit_is_refused(play: Play) -> None:
    with Peer("s9", "s1") as peer, Peer("s9", "s1") as stranger:
        with neighbours_undisturbed(play, peer, {"key": peer.key_text}) as node:
            cases: list[tuple[str, Message]] = [
                ("unknown-server", {"from": "s8"}),
                ("not-your-name", {"from": "s1"}),
                ("not-for-us", {"to": "s7"}),
                ("key-changed", {"key": stranger.key_text}),
                ("protocol-version", {"version": 99}),
                ("bad-value", {"nonce": "AAAA"}),
                ("wrong-type", {"from": 9}),
                ("proof-failed", {"key": node.fingerprint}),
            ]
            for code, changes in cases:
                link = peer.dial(node.link_port)
                link.hello(**changes)
                link.expect_refusal(code)


def scenario_a_proof_that_does_not_hold_is_refused(play: Play) -> None:
    with Peer("s9", "s1") as peer, Peer("s9", "s1") as thief:
        with neighbours_undisturbed(play, peer, {"key": peer.key_text}) as node:
            forged = thief.dial(node.link_port)
            forged.hello(key=peer.key_text)  # the right key in words, but not in hand
            forged.expect_hello()
            forged.expect_proof()
            forged.send("proof", signature=forged.proof())
            forged.expect_refusal("proof-failed")

            good = peer.dial(node.link_port)
            hello = good.hello()
            good.expect_hello()
            overheard = good.proof()
            good.send("proof", signature=overheard)
            good.send("resume", epoch=peer.epoch, first=1)
            good.expect("resume")

            replayed = thief.dial(node.link_port)
            replayed.hello(**hello)
            replayed.expect_hello()
            replayed.send("proof", signature=overheard)
            replayed.expect_refusal("proof-failed")

            # One envelope that cannot be read is refused in its place, and the stream goes on.
            good.envelope(1, {"id": new_id()})
            refused = good.expect("acknowledgement")["refused"]
            require([(item["seq"], item["code"]) for item in refused] == [(1, "missing-member")], f"refused: {refused}")
            good.send("nonsense")
            good.send("envelope", seq=2)
            require(good.expect("acknowledgement")["through"] == 2, "the stream goes on")


def scenario_an_unpinned_claim_carries_nothing_and_makes_us_dial(play: Play) -> None:
    with Peer("s9", "s1") as peer, Peer("s9", "s1") as thief:
        with neighbours_undisturbed(play, peer, {"address": f"ws://127.0.0.1:{peer.listen()}"}) as node:
            waiting = peer.accept()  # dialled at the start; not answered, so nothing is pinned
            claim = thief.dial(node.link_port)
            claim.hello()
            claim.expect_hello()
            claim.send("proof", signature=claim.proof())
            claim.expect_refusal("unpinned")
            waiting.prove()
            late = thief.dial(node.link_port)
            late.hello()
            late.expect_refusal("key-changed")


@shows("security 28")
def scenario_what_a_link_may_not_say_is_refused(play: Play) -> None:
    with Peer("s9", "s1") as peer:
        with neighbours_undisturbed(play, peer, {"key": peer.key_text}) as node:
            early = peer.dial(node.link_port)
            early.hello()
            early.envelope(1, public_words("zoe@s9", "before any proof"))
            early.expect_refusal("out-of-order")

            cases = [
                ("malformed-json", "{"), ("duplicate-member", '{"tag":"proof","tag":"proof"}'),
                ("unknown-tag", '{"tag":"gossip"}'), ("too-deep", '{"tag":' + "[" * 50 + "]" * 50 + "}"),
                ("missing-member", '{"tag":"hello"}'),
            ]
            for code, text in cases:
                link = peer.dial(node.link_port)
                link.send_text(text)
                link.expect_refusal(code)

            link = peer.dial(node.link_port).prove()
            link.envelope(1, public_words("mallory@s8", "in the name of others"))
            refused = link.expect("acknowledgement", through=1)["refused"]
            require([item["code"] for item in refused] == ["forged-from"] and refused[0]["seq"] == 1, f"{refused}")
            link.envelope(2, public_words("alice@s1", "in the name of your own"))
            refused = link.expect("acknowledgement", through=2)["refused"]
            require([item["code"] for item in refused] == ["forged-from"], f"{refused}")
            link.send("presence", version=1, kind="snapshot", isFirst=True, isLast=True, keys=[],
                      people=[{"address": "bob@s2", "status": "online", "devices": []}])
            link.expect_refusal("forged-from")

            binary = peer.dial(node.link_port)
            binary.send_binary(b"\x00\x01\x02")
            binary.expect_refusal("malformed-json")


def scenario_anything_but_a_websocket_opening_is_refused(play: Play) -> None:
    with Peer("s9", "s1") as peer:
        with neighbours_undisturbed(play, peer, {"key": peer.key_text}) as node:
            cases = [
                (b"GET / HTTP/1.1\r\nHost: s1\r\n\r\n", b"HTTP/1.1 426 "),
                (b"POST / HTTP/1.1\r\nHost: s1\r\n\r\n", b"HTTP/1.1 405 "),
                (b"\x00\xff\xfe not HTTP at all\r\n\r\n", b"HTTP/1.1 400 "),
                (b'{"tag":"hello","version":1}\n\r\n\r\n', b"HTTP/1.1 400 "),
            ]
            for request, answer in cases:
                with Connection(node.link_port) as connection:
                    connection.send(request)
                    got = connection.read_to_end()
                    require(got.startswith(answer), f"{request!r} was answered with {got[:200]!r}")
            with Connection(node.link_port) as connection:
                connection.send(b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 20_000)
                require(connection.read_to_end().startswith(b"HTTP/1.1 4"), "an endless head is refused by name")
