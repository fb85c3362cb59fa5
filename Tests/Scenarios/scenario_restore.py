"""A node whose database was put back from a backup: what others hold comes again, and people are told of the rest."""
from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from harness import Client, Node, Play, require


def back_up(node: Node, target: Path) -> None:
    """As operators are told to, while the node runs."""
    with closing(sqlite3.connect(node.database())) as database, closing(sqlite3.connect(target)) as copy:
        database.backup(copy)


def put_back(node: Node, backup: Path, keeps_mark: bool = True) -> None:
    folder = node.folder / "data"
    for name in ("node.db-wal", "node.db-shm", *(() if keeps_mark else ("node.db.mark",))):
        (folder / name).unlink(missing_ok=True)
    shutil.copyfile(backup, folder / "node.db")


def alarmed(node: Node) -> bool:
    return any('"alarm"' in line and "put back from a backup" in line for line in node.log)


def deliver(sender: Client, to: str, reader: Client, text: str) -> str:
    message_id = sender.send(to, text)
    reader.expect("message", id=message_id)
    sender.expect("state", id=message_id, state="delivered")
    return message_id


def texts_at(client: Client, conversation: str) -> list[str]:
    return [event["text"] for event in client.history(conversation, count=100)]


def scenario_what_others_hold_comes_again_after_a_restore(play: Play) -> None:
    s1, s2 = play.pair()
    alice, bob = play.client("alice@s1"), play.client("bob@s2")
    alice.expect_online("bob@s2")
    bob.expect_online("alice@s1")
    deliver(alice, "bob@s2", bob, "one, before")
    backup = play.folder / "backup.db"
    back_up(s1, backup)
    deliver(alice, "bob@s2", bob, "two, lost at s1")
    deliver(bob, "alice@s1", alice, "three, held at s2")
    deliver(bob, "public", alice, "four, held at s2")
    require(s1.stop() == 0, "SIGTERM ends a node with 0")
    put_back(s1, backup)
    s1.restart()
    require(alarmed(s1), "the log tells at the start")
    alice.expect("error", code="node-went-back")
    # What s2 sent since then comes once more, behind what there is.
    for text in ("three, held at s2", "four, held at s2"):
        alice.wait(lambda: alice.texts().count(text) == 2, f"{text!r} again")
    deliver(alice, "bob@s2", bob, "five, after")
    deliver(bob, "alice@s1", alice, "six, after")
    require(texts_at(bob, "alice@s1") == [
        "one, before", "two, lost at s1", "three, held at s2", "five, after", "six, after"], "s2 has all, each once")
    require(texts_at(alice, "bob@s2") == ["one, before", "three, held at s2", "five, after", "six, after"],
            "s1 has all that anybody could give it")


def scenario_peers_show_a_restore_that_nothing_else_tells_of(play: Play) -> None:
    """The whole folder went back, with its mark."""
    s1, s2 = play.pair()
    alice, bob = play.client("alice@s1"), play.client("bob@s2")
    alice.expect_online("bob@s2")
    bob.expect_online("alice@s1")
    deliver(bob, "alice@s1", alice, "one, before")
    backup = play.folder / "backup.db"
    back_up(s1, backup)
    deliver(bob, "alice@s1", alice, "two, held at s2")
    s1.kill()
    put_back(s1, backup, keeps_mark=False)
    s1.restart()
    s1.running().wait(lambda: alarmed(s1), "s2 remembers, and the log tells")
    alice.expect("error", code="node-went-back")
    alice.wait(lambda: alice.texts().count("two, held at s2") == 2, "it comes again")
    deliver(alice, "bob@s2", bob, "three, after")
    require(texts_at(bob, "alice@s1") == ["one, before", "two, held at s2", "three, after"], "s2 has all, each once")


def scenario_what_was_accepted_is_sent_again_after_a_restore(play: Play) -> None:
    s1, s2 = play.pair()
    alice, bob = play.client("alice@s1"), play.client("bob@s2")
    alice.expect_online("bob@s2")
    bob.expect_online("alice@s1")
    deliver(alice, "bob@s2", bob, "one, before")
    backup = play.folder / "backup.db"
    back_up(s1, backup)
    s2.kill()
    bob.expect("disconnected")
    waiting = [alice.send("bob@s2", f"{number}, accepted") for number in range(5)]
    alice.expect_all("accepted", waiting)
    s1.kill()
    put_back(s1, backup)
    s1.restart()
    alice.wait(lambda: sum(event["event"] == "connected" for event in alice.events) == 2, "alice is back")
    s2.restart()
    alice.expect_all("delivered", waiting)
    bob.wait(lambda: bob.find("message", id=waiting[-1]), "bob reads the last")
    require(texts_at(bob, "alice@s1") == ["one, before", *(f"{number}, accepted" for number in range(5))],
            "each is there once, in the order of writing")
