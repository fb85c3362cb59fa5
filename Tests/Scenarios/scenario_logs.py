"""What nodes and clients log: never the words of a message, never a secret."""
from __future__ import annotations

import json
import os
import pty
import re
import signal
import sqlite3
import subprocess
import time
from contextlib import closing

from harness import PATIENCE_SECONDS, PEOPLE, Play, clean_environment, new_id, password_of, require
from peer import Peer
from raw import RawClient

LINE = re.compile(r"\d\d:\d\d:\d\d (info|warning|alarm): [^{]+")
TEXTS = ["marmalade at midnight", "a lantern on the pier", "for everybody's eyes", "said to a dead node"]


def scenario_no_log_holds_a_message_or_a_secret(play: Play) -> None:
    s1, s2 = play.pair()
    alice, carol, bob, _ = play.four()
    for sender, to, text in ((alice, bob.name, TEXTS[0]), (bob, carol.name, TEXTS[1]), (carol, "public", TEXTS[2])):
        sender.expect("state", id=sender.send(to, text), state="delivered")
    with RawClient(s1) as stranger:
        stranger.hello()
        stranger.answer_challenge("alice", "an attempt to guess")
        stranger.expect_end("login-refused")
    with RawClient(s1) as raw:
        raw.logged_in("alice")
        raw.send(b'{"tag":"nonsense that somebody said"}\n')
        raw.send(b"more of that nonsense\n")
        raw.expect_end("malformed-json")
    before = s2.log
    s2.kill()
    late = alice.send(bob.name, TEXTS[3])
    alice.expect("state", id=late, state="accepted")
    s2.restart()
    alice.expect("state", id=late, state="delivered")
    for node in (s1, s2):
        node.running().signal(signal.SIGUSR1)
        node.running().wait(lambda: any('"event":"state"' in line for line in node.log), "the counts")
    logs = before + [line for process in play.processes for line in process.log]
    require(len(before) > 0 and len(s1.log) > 2, "the nodes log what happens")
    for node in (s1, s2):
        for line in node.log:
            told = json.loads(line)
            require({"at", "level", "event"} <= told.keys(), f"{node.name} logged {line}")
    secrets = [password_of(user) for users in PEOPLE.values() for user in users] + ["an attempt to guess"]
    for secret in TEXTS + secrets + ["nonsense", "PRIVATE KEY"]:
        require(not any(secret in line for line in logs), f"a log holds {secret!r}")


def scenario_a_log_on_a_terminal_is_in_words(play: Play) -> None:
    node = play.node("s1")
    require(node.stop() == 0, "SIGTERM ends a node with 0")
    screen, terminal = pty.openpty()
    child = subprocess.Popen(
        ["setpriv", "--pdeathsig", "KILL", "--", *node.command("run")], stdout=subprocess.PIPE, stderr=terminal,
        env=clean_environment(node.folder) | {"TZ": "LINT-14"})
    os.close(terminal)
    assert child.stdout
    try:
        require(child.stdout.readline().startswith(b"ready s1 "), "the node is ready")
        child.terminate()
        require(child.wait(PATIENCE_SECONDS) == 0, "SIGTERM ends a node with 0")
        lines = os.read(screen, 65536).decode().splitlines()
    finally:
        child.kill()
        child.wait()
        child.stdout.close()
        os.close(screen)
    own = [line for line in lines if not line.startswith("ready ")]
    require(any(line.endswith("close it to others") for line in own), f"the screen shows {lines}")
    for line in own:
        require(bool(LINE.fullmatch(line)), f"a line begins with the time and its level, not: {line}")
    # POSIX writes the sign of a zone the other way round: this one is 14 hours ahead of UTC.
    now = time.gmtime(time.time() + 14 * 3600)
    for line in own:
        behind = (now.tm_hour * 60 + now.tm_min - int(line[:2]) * 60 - int(line[3:5])) % 1440
        require(behind <= 2, f"at {time.asctime(now)} the time is not local in: {line}")


def scenario_what_goes_wrong_again_and_again_fills_no_log(play: Play) -> None:
    with Peer("s9", "s1") as peer:
        node = play.node("s1", mailing_address={"s9": {"key": peer.key_text}})
        link = peer.dial(node.link_port).prove()
        for ref in range(100):
            link.send("chunk", ref=ref, data="q6s=")  # answers to what nobody asked
        link.send("keysWanted", ref=1, user="alice")
        link.expect("keys", ref=1)
        with RawClient(node) as alice:
            alice.logged_in("alice")
            with closing(sqlite3.connect(node.folder / "data" / "spool.db")) as spool:
                spool.execute("ALTER TABLE file RENAME TO elsewhere")
            for ref in range(100):
                alice.say({"tag": "file", "ref": ref, "id": new_id(), "to": "public", "chunks": 1})
                alice.expect_refusal("store-failed", ref=ref)
        node.running().signal(signal.SIGUSR1)

        def counts() -> dict[str, str] | None:
            return next((line for line in map(json.loads, node.log) if line["event"] == "state"), None)

        found = node.running().wait(counts, "the counts")
        require(found["timed-out"] == "100" and found["store-failed"] == "100", f"all are counted, not {found}")
        events = [json.loads(line)["event"] for line in node.log]
        require(events.count("ignored") == 1, f"what is ignored is written once for a link, not {events}")
        # Once in ten seconds.
        require(1 <= events.count("spool failed") < 10, f"a failure that goes on is written now and then, not {events}")
