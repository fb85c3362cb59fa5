"""Servers that put other keys in the place of a person's: what is first seen is noted, every change is loud, and nothing
is sealed for a key that replaced all known ones until somebody says yes. Row 31 of Docs/security.md.
"""
from __future__ import annotations

import base64
import sqlite3
from contextlib import closing, contextmanager
from typing import Iterator

from harness import Client, Event, Node, Play, require, shows
from peer import Link, Message, Peer
from sealing import Person, decode

ZOE = "zoe@s9"


class Home:
    """s9, the home of zoe, which shows whatever keys it likes."""

    def __init__(self, play: Play):
        self.peer = play.closing.enter_context(Peer("s9", "s1"))
        self.node = play.node("s1", mailing_address={"s9": {"key": self.peer.key_text}})
        self.link: Link = self.peer.dial(self.node.link_port).prove()
        self.version = 0

    def show(self, *people: Person) -> None:
        """zoe is online with the devices of these."""
        self.peer.devices["zoe"] = [person.device_key for person in people]
        self.version += 1
        self.link.send(
            "presence", version=self.version, kind="snapshot" if self.version == 1 else "delta", isFirst=True, isLast=True,
            keys=self.peer.devices["zoe"],
            people=[{"address": ZOE, "status": "online", "devices": [person.fingerprint for person in people]}])

    def take(self) -> Message:
        """The next sealed words for zoe."""
        arrived = self.link.expect("envelope")
        while arrived["envelope"]["to"] != ZOE:
            arrived = self.link.expect("envelope")
        self.link.acknowledge(arrived["seq"])
        return arrived["envelope"]


def readers(envelope: Message) -> set[str]:
    return {wrap["device"] for wrap in envelope["sealed"]["wraps"]}


def expect_key(client: Client, person: Person, change: str, since: int = 0) -> Event:
    return client.expect("key", since, address=person.address, fingerprint=person.fingerprint, change=change)


@shows("security 31")
def scenario_a_foreign_server_swaps_a_key(play: Play) -> None:
    zoe, mallory = Person(ZOE), Person(ZOE)
    home = Home(play)
    alice = play.client("alice@s1")
    home.show(zoe)
    alice.expect_online(ZOE)
    first = alice.send(ZOE, "for zoe")
    expect_key(alice, zoe, "first")
    require(readers(home.take()) & {zoe.fingerprint, mallory.fingerprint} == {zoe.fingerprint}, "sealed for zoe")
    alice.expect("state", id=first, state="delivered")

    mark = alice.mark()
    home.show(mallory)
    alice.ask("keys", of=ZOE)
    expect_key(alice, mallory, "replaced", mark)
    waits = alice.send(ZOE, "not for mallory")
    alice.expect("state", id=waits, state="pending", reason="key-changed")
    # The old key is a known one: what waited goes to it, and to nobody else.
    home.show(zoe)
    alice.ask("keys", of=ZOE)
    envelope = home.take()
    require(envelope["id"] == waits and mallory.fingerprint not in readers(envelope), f"{readers(envelope)}")
    alice.expect("state", id=waits, state="delivered")

    mark = alice.mark()
    home.show(mallory)
    alice.ask("keys", of=ZOE)
    expect_key(alice, mallory, "replaced", mark)
    yes = alice.send(ZOE, "whoever you are now")
    alice.expect("state", id=yes, state="pending", reason="key-changed")
    alice.ask("trust", of=ZOE)
    envelope = home.take()
    require(envelope["id"] == yes and zoe.fingerprint not in readers(envelope), "after a yes, sealed for the new key alone")
    # And back: what was trusted before the yes is trusted no more.
    mark = alice.mark()
    home.show(zoe)
    alice.ask("keys", of=ZOE)
    expect_key(alice, zoe, "replaced", mark)


@shows("security 31")
def scenario_a_foreign_server_adds_a_device(play: Play) -> None:
    """One with an account key of its own is shown; one that claims zoe's account without her signature is not used."""
    zoe, other, liar = Person(ZOE), Person(ZOE), Person(ZOE)
    liar.device_key["account"] = zoe.device_key["account"]
    home = Home(play)
    alice = play.client("alice@s1")
    home.show(zoe)
    alice.expect_online(ZOE)
    alice.send(ZOE, "for zoe")
    home.take()
    mark = alice.mark()
    home.show(zoe, liar)
    alice.ask("keys", of=ZOE)
    alice.send(ZOE, "still for zoe")
    require(liar.fingerprint not in readers(home.take()), "a device without zoe's signature reads nothing")
    require(alice.find("key", mark, fingerprint=liar.fingerprint) is None, "it is no device of hers")
    mark = alice.mark()
    home.show(zoe, other)
    alice.ask("keys", of=ZOE)
    expect_key(alice, other, "added", mark)


@shows("security 31")
def scenario_a_key_for_one_reader_only_is_seen_by_whoever_compares(play: Play) -> None:
    zoe, mallory = Person(ZOE), Person(ZOE)
    home = Home(play)
    alice = play.client("alice@s1")
    home.show(zoe)
    alice.expect_online(ZOE)
    alice.ask("keys", of=ZOE)
    shown = expect_key(alice, zoe, "first")
    home.show(mallory)
    carol = play.client("carol@s1")
    carol.expect_online(ZOE)
    carol.ask("keys", of=ZOE)
    other = expect_key(carol, mallory, "first")
    require(shown["fingerprint"] != other["fingerprint"], "the two see different fingerprints")


@contextmanager
def stopped(node: Node) -> Iterator[sqlite3.Connection]:
    """Its database while it is down; then it starts again."""
    node.kill()
    with closing(sqlite3.connect(node.database())) as database, database:
        yield database
    node.restart()


@shows("security 31")
def scenario_the_own_server_swaps_a_key(play: Play) -> None:
    """alice and carol have one home, which puts mallory's key in the place of carol's."""
    node = play.node("s1", client_address=f"127.0.0.1:{play.ports.take()}")
    alice, carol = play.client("alice@s1"), play.client("carol@s1")
    # With a key of hers that alice knows, words for carol wait for nothing.
    alice.wait(lambda: any(event.get("fingerprint") for event in alice.all("person", address=carol.name)), "carol's key")
    carol.expect("message", id=alice.send(carol.name, "before"))
    carols = alice.expect("key", address=carol.name)["fingerprint"]
    mallory = Person(carol.name)
    mark = alice.mark()
    with stopped(node) as database:
        genuine = database.execute("SELECT * FROM device WHERE user = 'carol'").fetchall()
        key = mallory.device_key
        database.execute(
            "UPDATE device SET fingerprint = ?, key = ?, account_key = ?, signature = ? WHERE user = 'carol'",
            (bytes.fromhex(key["fingerprint"]), decode(key["key"]), base64.b64decode(key["account"].partition(":")[2]),
             decode(key["signature"])))
    alice.expect("connected", mark)
    require(len(genuine) == 1, "carol has one device")
    alice.ask("keys", of=carol.name)
    # carol's own client publishes its key again as soon as it is back; then there are both.
    told = alice.expect("key", mark, address=carol.name, fingerprint=mallory.fingerprint)
    require(told["change"] in ("added", "replaced"), f"a key that was swapped in is told as {told['change']}")
    sent = alice.send(carol.name, "after")
    if told["change"] == "replaced":
        alice.expect("state", id=sent, state="pending", reason="key-changed")
    require(carols != mallory.fingerprint, "they differ")
