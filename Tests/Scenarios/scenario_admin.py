"""Administering a running node: every command of `postroad-node peers`, in words and as JSON."""
from __future__ import annotations

import json
import os
import pty
import re
import signal
import socket
import stat
import subprocess
import time
from contextlib import ExitStack
from typing import Any, Callable

from harness import PATIENCE_SECONDS, Failed, Node, Play, clean_environment, new_id, require
from peer import Peer
from scenario_programs import require_exit, said
from tls import expired

OK, FAILURE, USAGE = 0, 1, 2
SESSIONS_MAX = 16
Row = dict[str, Any]


def peers(play: Play, node: Node, *words: str, code: int = OK, says: tuple[str, ...] = ()) -> str:
    """Gives a command in words; returns all that it said."""
    process = play.run(*node.command("peers", *words))
    require_exit(process, code, *says)
    return said(process)


def ask(play: Play, node: Node, *words: str, code: int = OK) -> list[Row]:
    """Gives a command and returns its lines."""
    process = play.run(*node.command("peers", *words, "--json"))
    require_exit(process, code)
    rows = [json.loads(line) for line in process.lines]
    require(rows[-1]["tag"] == ("done" if code == OK else "refused"), f"{words} ended with {rows[-1]}")
    return rows


def link(play: Play, node: Node, name: str) -> Row:
    return ask(play, node, "why", name)[0]


def wait_for(play: Play, node: Node, name: str, holds: Callable[[Row], bool], what: str) -> Row:
    """Asks until it holds: the node tells no one by itself."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        row = link(play, node, name)
        if holds(row):
            return row
    raise Failed(f"{node.name} never said of {name}: {what}; it says {row}")


def wait_log(node: Node, what: str, *words: str) -> None:
    """The log comes by a pipe of its own, later than what the node answers."""
    node.running().wait(lambda: any(all(word in line for word in words) for line in node.log), what)


def wait_state(play: Play, node: Node, name: str, state: str) -> Row:
    return wait_for(play, node, name, lambda row: row["state"] == state, state)


def scenario_the_socket_is_for_its_owner_and_comes_back_after_a_kill(play: Play) -> None:
    node = play.node("s1")
    path = node.folder / "data/admin.sock"
    require(stat.S_ISSOCK(path.stat().st_mode) and path.stat().st_mode & 0o777 == 0o600, "0600")
    require((node.folder / "data").stat().st_mode & 0o777 == 0o700, "0700")
    node.kill()
    require(path.exists(), "a killed node leaves its socket")
    for words in (("list",), ("why", "s2"), ("pause", "s2")):
        peers(play, node, *words, code=FAILURE, says=("no node runs", str(node.setup_file), "postroad-node run"))
    node.restart()
    peers(play, node, "list", says=("no other servers",))
    require(node.stop() == 0, "SIGTERM ends a node with 0")
    require(not path.exists(), "an orderly stop takes the socket along")
    path.write_text("something of the administrator's")
    node.restart()
    wait_log(node, "what is no socket is left alone, and told", "cannot be administered")
    require(path.read_text().startswith("something"), "the file is as it was")


def scenario_another_user_is_refused_even_where_the_modes_let_them_in(play: Play) -> None:
    node = play.node("s1")
    path = node.folder / "data/admin.sock"
    for widened in (play.folder, node.folder, path.parent, path):
        widened.chmod(0o777)
    asking = (
        "import socket, sys\n"
        "with socket.socket(socket.AF_UNIX) as one:\n"
        f"    one.settimeout({PATIENCE_SECONDS})\n"
        "    one.connect(sys.argv[1])\n"
        "    one.sendall(b'{\"do\":\"peers list\"}\\n')\n"
        "    print(one.makefile().readline())\n")
    # Only root can become somebody else, and whoever is not root can only ask as the owner.
    somebody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"] if os.geteuid() == 0 else []
    done = subprocess.run([*somebody, "/usr/bin/python3", "-c", asking, str(path)], capture_output=True, text=True,
                          timeout=PATIENCE_SECONDS, env=clean_environment(play.folder))
    answer = json.loads(done.stdout or "{}")
    wanted = ("refused", "not-the-owner") if somebody else ("done", None)
    require((answer.get("tag"), answer.get("code")) == wanted, f"{answer} {done.stderr}")
    peers(play, node, "list", says=("no other servers",))


def scenario_a_long_path_has_its_socket_too(play: Play) -> None:
    folder = play.folder / ("d" * 150)
    folder.mkdir()
    node = play.node("s1", data=str(folder / "data"))
    require((folder / "data/admin.sock").exists(), "the socket is there")
    peers(play, node, "list", says=("no other servers",))


def scenario_list_and_why_tell_how_links_stand(play: Play) -> None:
    s1, s2 = play.pair()
    wait_state(play, s1, "s2", "up")
    listed = peers(play, s1, "list")
    require(re.search(r"^s2 +up +\d+ s +wss +0 +0 +\d+$", listed, re.MULTILINE) is not None, listed)
    why = peers(play, s1, "why", "s2")
    for word in (s2.fingerprint, "pinned at first use", "has a link", "from the setup file"):
        require(word in why, f"{word} is missing in {why}")
    rows = ask(play, s1, "list")
    require(len(rows) == 2 and rows[0]["state"] == "up" and rows[0]["key"] == s2.fingerprint, f"{rows}")
    require(rows[0]["queued"] == 0 and rows[0]["alarm"] is False and rows[0]["pin"]["origin"] == "first", f"{rows}")
    s2.kill()
    down = wait_for(play, s1, "s2", lambda row: row.get("error", {}).get("code") == "connection-refused", "why not")
    require("start the node there" in down["helps"] and down["failures"] > 0, f"{down}")
    alice = play.client("alice@s1")
    sent = [alice.send("public", f"number {number}") for number in range(3)]
    alice.expect_all("accepted", sent)
    require(link(play, s1, "s2")["queued"] == 3, "what waits is counted")
    peers(play, s1, "why", "s2", says=("3 wait", "nobody listens at that address", "what helps"))
    peers(play, s1, "why", "s9", code=FAILURE, says=("unknown-server",))
    peers(play, s1, "why", code=USAGE, says=("peers why NAME",))


def scenario_retry_dials_at_once(play: Play) -> None:
    s1, s2 = play.pair()
    wait_state(play, s1, "s2", "up")
    peers(play, s1, "retry", "s2", says=("has a link already",))
    # A server that goes down says when to come back, in seconds that nobody has to wait for.
    with Peer("s9", "s1") as far:
        peers(play, s1, "add", "s9", f"ws://127.0.0.1:{far.listen()}")
        far.accept().prove().send("closing", retrySeconds=3600)
        row = wait_for(play, s1, "s9", lambda row: row["state"] == "waiting", "waiting")
        require(3000 < row["dialInSeconds"] <= 3600, f"{row}")
        rows = ask(play, s1, "retry", "s9")
        require("being dialled" in rows[-1]["text"], f"{rows}")
        far.accept().prove()
        wait_state(play, s1, "s9", "up")
    peers(play, s1, "retry", "nobody", code=FAILURE, says=("unknown-server",))


def scenario_a_pause_lasts_and_loses_nothing(play: Play) -> None:
    s1, s2 = play.pair()
    alice, bob = play.client("alice@s1"), play.client("bob@s2")
    wait_state(play, s1, "s2", "up")
    peers(play, s1, "pause", "s2", says=("s2 is paused", "no messages wait"))
    wait_for(play, s2, "s1", lambda row: row.get("error", {}).get("code") == "paused", "the other side hears why")
    require(link(play, s2, "s1")["state"] == "refused", "and that it does not pass by itself")
    peers(play, s2, "why", "s1", says=("an administrator of that side wants no link now",))
    sent = [alice.send("public", f"while paused {number}") for number in range(3)]
    alice.expect_all("accepted", sent)
    peers(play, s1, "retry", "s2", code=FAILURE, says=("paused", "peers resume s2"))
    s1.kill()
    s1.restart()
    row = link(play, s1, "s2")
    require(row["state"] == "paused" and row["queued"] == 3, f"after a restart: {row}")
    require(re.search(r"^s2 +paused ", peers(play, s1, "list"), re.MULTILINE) is not None, "list says so")
    ask(play, s1, "resume", "s2")
    bob.wait(lambda: len(bob.texts()) == 3, "all that was said meanwhile")
    require(bob.texts() == [f"while paused {number}" for number in range(3)], f"{bob.texts()}")
    alice.expect_all("delivered", sent)
    wait_state(play, s1, "s2", "up")


def strangers(play: Play) -> tuple[Node, Node]:
    """Two nodes that know nothing of each other, each on ports that it keeps."""
    for name in ("s1", "s2"):
        node = play.node(name)
        node.write_setup(node.setup | {
            "client_address": f"127.0.0.1:{node.client_port}", "link_address": f"127.0.0.1:{node.link_port}"})
    return play.nodes["s1"], play.nodes["s2"]


def scenario_a_server_is_added_and_removed_without_a_restart(play: Play) -> None:
    s1, s2 = strangers(play)
    before = s1.setup_file.read_text()
    alice, bob = play.client("alice@s1"), play.client("bob@s2")
    peers(play, s1, "add", "s2", f"127.0.0.1:{s2.link_port}", "--key", s2.fingerprint,
          says=("s2 is added", "under TLS", s2.fingerprint))
    row = wait_for(play, s1, "s2", lambda row: row.get("error", {}).get("code") == "unknown-server", "they know us not")
    require(row["added"] and row["keyNamed"], f"{row}")
    peers(play, s1, "why", "s2", says=("added by an administrator", "add one on that side"))
    ask(play, s2, "add", "s1", f"127.0.0.1:{s1.link_port}")
    wait_state(play, s1, "s2", "up")
    sent = alice.send("public", "to both of us now")
    alice.expect("state", id=sent, state="delivered")
    bob.wait(lambda: bob.texts() == ["to both of us now"], "the message")
    require(s1.setup_file.read_text() == before, "the setup file stays as it is")

    s1.kill()
    s1.restart()
    wait_state(play, s1, "s2", "up")
    alice.expect("disconnected")
    s2.kill()
    alice = play.client("alice@s1", profile="alice-again")
    waits = alice.send("public", "nobody there")
    alice.expect("state", id=waits, state="accepted")
    refused = ask(play, s1, "remove", "s2", code=FAILURE)[-1]
    require(refused["code"] == "not-empty" and refused["queued"] == 1, f"{refused}")
    peers(play, s1, "remove", "s2", code=FAILURE, says=("1 messages wait", "--yes"))
    peers(play, s1, "remove", "s2", "--yes", says=("s2 is removed",))
    require(ask(play, s1, "list") == [{"tag": "done"}], "it is gone")
    s2.restart()
    wait_for(play, s2, "s1", lambda row: row.get("error", {}).get("code") == "unknown-server", "refused now")
    ask(play, s1, "add", "s2", f"127.0.0.1:{s2.link_port}")
    alice.expect("state", id=waits, state="delivered")


def scenario_the_setup_file_wins(play: Play) -> None:
    s1, s2 = play.pair()
    peers(play, s1, "add", "s2", "127.0.0.1:9", code=FAILURE, says=("in-setup", "change its entry there"))
    peers(play, s1, "remove", "s2", code=FAILURE, says=("not-added", "setup file"))
    peers(play, s1, "add", "s1", "127.0.0.1:9", code=FAILURE, says=("is this server itself",))
    ask(play, s1, "add", "s3", "127.0.0.1:9")
    s1.kill()
    s1.write_setup(s1.setup | {"mailing_address": s1.setup["mailing_address"] | {"s3": "ws://127.0.0.1:8"}})
    s1.restart()
    row = link(play, s1, "s3")
    require(row["added"] is False and row["address"] == "127.0.0.1:8" and row["transport"] == "ws", f"{row}")
    for words in (("add", "s4", "no port:x"), ("add", "s4"), ("add", "S4", "a:1"), ("add", "s4", "a:1", "--key", "x")):
        peers(play, s1, *words, code=USAGE)


def scenario_a_changed_key_is_trusted_by_name(play: Play) -> None:
    s1, s2 = play.pair()
    alice, bob = play.client("alice@s1"), play.client("bob@s2")
    wait_state(play, s1, "s2", "up")
    old = s2.fingerprint
    s2.kill()
    for name in ("server.key", "rotations.json", "digest.key"):
        (s2.folder / "data" / name).unlink(missing_ok=True)
    s2.restart()
    new = s2.fingerprint
    require(new != old, "another key")
    row = wait_for(play, s1, "s2", lambda row: row.get("offer", {}).get("dialled") is True, "another key is offered")
    require(row["alarm"] and row["offer"]["key"] == new and row["key"] == old and row["state"] == "refused", f"{row}")
    require("ALARM" in peers(play, s1, "list"), "the list says so")
    peers(play, s1, "why", "s2", says=("ALARM", old, new, "peers trust s2"))
    wait_log(s1, "and the log", '"level":"alarm"', "somebody shows another key")
    sent = alice.send("public", "kept until then")
    alice.expect("state", id=sent, state="accepted")

    peers(play, s1, "trust", "s2", code=FAILURE, says=("not-confirmed", old, new, "--yes"))
    refused = ask(play, s1, "trust", "s2", code=FAILURE)[-1]
    require((refused["code"], refused["old"], refused["new"]) == ("not-confirmed", old, new), f"{refused}")
    refused = ask(play, s1, "trust", "s2", "--key", old, code=FAILURE)[-1]
    require(refused["code"] == "not-offered", f"{refused}")
    require(link(play, s1, "s2")["key"] == old, "nothing has changed")

    # On a terminal it asks, and takes nothing but yes for it.
    require(on_terminal(play, s1, "no") == FAILURE and link(play, s1, "s2")["key"] == old, "a no is a no")
    require(on_terminal(play, s1, "yes") == OK, "a yes is a yes")
    row = wait_state(play, s1, "s2", "up")
    require(row["pin"] == {"key": new, "origin": "trusted", "previous": old} and not row["alarm"], f"{row}")
    alice.expect("state", id=sent, state="delivered")
    s1.kill()
    s1.restart()
    wait_state(play, s1, "s2", "up")
    peers(play, s1, "trust", "s2", "--yes", code=FAILURE, says=("not-offered",))


def on_terminal(play: Play, node: Node, answer: str) -> int:
    """Trusts s2 on a terminal, answers the question, and returns the exit code."""
    screen, terminal = pty.openpty()
    child = subprocess.Popen(
        node.command("peers", "trust", "s2"), stdin=terminal, stdout=subprocess.DEVNULL, stderr=terminal,
        env=clean_environment(play.folder))
    os.close(terminal)
    shown = b""
    try:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while b"[yes/no]" not in shown:
            require(time.monotonic() < deadline, f"no question was asked: {shown!r}")
            shown += os.read(screen, 4096)
        require(b"known " in shown and b"offered " in shown and shown.count(b"ed25519:") == 2, f"{shown!r}")
        os.write(screen, answer.encode() + b"\n")
        return child.wait(PATIENCE_SECONDS)
    finally:
        child.kill()
        child.wait()
        os.close(screen)


def scenario_of_two_servers_with_one_name_the_known_one_stays(play: Play) -> None:
    with Peer("s9", "s1") as peer, Peer("s9", "s1") as thief:
        node = play.node("s1", mailing_address={"s9": {"key": peer.key_text}})
        good = peer.dial(node.link_port).prove()
        for _ in range(5):
            claim = thief.dial(node.link_port)
            claim.hello()
            claim.expect_refusal("key-changed")
        row = link(play, node, "s9")
        require(row["state"] == "up" and row["alarm"] and row["offer"]["key"] == thief.key_text, f"{row}")
        require(row["offer"]["count"] == 5 and row["offer"]["dialled"] is False, f"{row}")
        peers(play, node, "why", "s9", says=("somebody who dialled us, 5 times", thief.key_text))
        wait_log(node, "the alarm", "somebody shows another key")
        alarms = [line for line in node.log if "somebody shows another key" in line]
        require(len(alarms) == 1, f"one alarm and not one for each attempt: {len(alarms)}")
        good.envelope(1, {"id": new_id(), "from": "zoe@s9", "to": "public", "at": 1, "text": "still here"})
        good.expect("acknowledgement", through=1)


def steps_of(rows: list[Row]) -> list[tuple[str, str | None]]:
    return [(row["step"], row.get("code")) for row in rows if row["tag"] == "step"]


def scenario_a_test_walks_the_whole_way_and_disturbs_nothing(play: Play) -> None:
    s1, s2 = play.pair()
    alice, bob = play.client("alice@s1"), play.client("bob@s2")
    for node, name in ((s1, "s2"), (s2, "s1")):
        wait_state(play, node, name, "up")
    alice.expect_status("bob@s2", "online")
    for node in (s1, s2):
        wait_log(node, "the link", '"link up"')
    ups = [line for line in s1.log + s2.log if '"link up"' in line]
    for node, name in ((s1, "s2"), (s2, "s1")):
        rows = ask(play, node, "test", name)
        names = [step for step, _ in steps_of(rows)]
        require(names == ["lookup", "tcp", "tls", "webSocket", "theirProof", "ourProof", "echo", "clock"], f"{names}")
        require(all(row["ok"] and row["microseconds"] >= 0 for row in rows[:-1]), f"{rows}")
        require(abs(rows[-2]["clockAheadMilliseconds"]) < 5000, "one machine has one clock")
    peers(play, s1, "test", "s2", says=("ok    TLS", "takes ours", "clock", s2.fingerprint))
    sent = alice.send("bob@s2", "as if nothing had been")
    alice.expect("state", id=sent, state="delivered")
    require([line for line in s1.log + s2.log if '"link up"' in line] == ups, "no link came or went")
    require(alice.status_of("bob@s2") == "online", "nobody was gone for a moment")
    peers(play, s1, "test", "nobody", code=FAILURE, says=("unknown-server",))

    # Without a node the program walks the way itself.
    s1.stop()
    peers(play, s1, "test", "s2", says=("no node runs here", "ok    echo"))
    require(steps_of(ask(play, s1, "test", "s2"))[-1] == ("clock", None), "as JSON too")
    s2.stop()
    rows = ask(play, s1, "test", "s2", code=FAILURE)
    require(steps_of(rows)[-1] == ("tcp", "connection-refused"), f"{rows}")


def scenario_a_test_names_each_cause(play: Play) -> None:
    s2 = play.node("s2")
    with socket.socket() as taken, socket.socket() as mute:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: refused
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        refused, silent = taken.getsockname()[1], mute.getsockname()[1]
        stranger = "ed25519:" + "A" * 43 + "="
        s1 = play.node("s1", mailing_address={
            "nowhere": "host.invalid:5555", "refused": f"127.0.0.1:{refused}",
            "plain": f"127.0.0.1:{s2.client_port}", "other": f"127.0.0.1:{s2.link_port}",
            "s2": {"address": f"127.0.0.1:{s2.link_port}", "key": stranger}, "passive": {"key": stranger},
        })
        cases = [
            ("nowhere", "lookup", "name-unknown"), ("refused", "tcp", "connection-refused"),
            ("plain", "webSocket", "not-websocket"), ("other", "theirProof", "not-for-us"),
            ("s2", "theirProof", "unknown-server"),
        ]
        for name, step, code in cases:
            rows = ask(play, s1, "test", name, code=FAILURE)
            require(steps_of(rows)[-1] == (step, code), f"{name}: {rows}")
            require(rows[-1]["code"] == code and rows[-2]["helps"], f"{name}: {rows}")
            peers(play, s1, "test", name, code=FAILURE, says=("FAIL", code, "what helps"))
        peers(play, s1, "test", "passive", code=FAILURE, says=("no-address",))
        ask(play, s2, "add", "s1", f"127.0.0.1:{s1.link_port}")
        rows = ask(play, s1, "test", "s2", code=FAILURE)
        require(steps_of(rows)[-1] == ("theirProof", "key-changed"), f"{rows}")
        require((rows[-2]["known"], rows[-2]["shown"]) == (stranger, s2.fingerprint), f"{rows}")
        peers(play, s1, "test", "s2", code=FAILURE, says=(stranger, s2.fingerprint))
        # They know us by no key yet, and a test must not make them dial.
        rows = ask(play, s2, "test", "s1", code=FAILURE)
        require(steps_of(rows)[-1][1] in ("key-changed", "unpinned"), f"{rows}")


def scenario_an_expired_certificate_is_told_and_is_no_cause(play: Play) -> None:
    s2 = play.node("s2", certificate=str(expired(play.folder, "s2")))
    s1 = play.node("s1", mailing_address={"s2": f"127.0.0.1:{s2.link_port}"})
    ask(play, s2, "add", "s1", f"127.0.0.1:{s1.link_port}")
    for node, name in ((s1, "s2"), (s2, "s1")):
        wait_state(play, node, name, "up")
    steps = {row["step"]: row for row in ask(play, s1, "test", "s2") if row["tag"] == "step"}
    left = steps["tls"]["certificateSecondsLeft"]
    require(steps["tls"]["ok"] and -90_000 < left < -80_000 and "expired" in steps["tls"]["text"], f"{steps['tls']}")
    peers(play, s1, "test", "s2", says=("certificate expired 24 h ago, which links do not mind", "ok    echo"))
    # The other way the certificate is the one that a node makes itself.
    peers(play, s2, "test", "s1", says=("certificate good for", "ok    echo"))


def scenario_another_make_is_tested(play: Play) -> None:
    """One that knows tests, with its clock wrong; one that does not; and one that names itself otherwise."""
    with Peer("s9", "s1") as peer:
        node = play.node("s1", mailing_address={
            "s9": {"address": f"ws://127.0.0.1:{peer.listen()}", "key": peer.key_text}})
        real = peer.accept().prove()

        def tested(answer: Callable[[Any], None], code: int) -> list[Row]:
            process = play.spawn("test", node.command("peers", "test", "s9", "--json"), play.folder)
            answer(peer.accept())
            require_exit(process, code)
            return [json.loads(line) for line in process.lines]

        def knowing(link: Any) -> None:
            require(link.expect_hello()["purpose"] == "test", "the hello says what it is for")
            link.hello(purpose="test")
            link.send("proof", signature=link.proof())
            link.expect_proof()
            for _ in range(5):
                ref = link.expect("echo")["ref"]
                link.send("echoed", ref=ref, at=int(time.time() * 1000) + 3_700_000)

        rows = tested(knowing, FAILURE)
        require(steps_of(rows)[-1] == ("clock", "clock-off") and "1 h 1 min ahead" in rows[-2]["text"], f"{rows}")
        require(abs(rows[-2]["clockAheadMilliseconds"] - 3_700_000) < 60_000, f"{rows}")

        def ignorant(link: Any) -> None:
            link.expect_hello()
            link.hello()
            link.send("proof", signature=link.proof())
            require(link.peer.run(link.received.get()) is None, "no proof for a node that would take it for a link")

        rows = tested(ignorant, FAILURE)
        require(steps_of(rows)[-1] == ("ourProof", "no-test"), f"{rows}")

        def misnamed(link: Any) -> None:
            link.expect_hello()
            link.hello(**{"from": "s8", "purpose": "test"})

        rows = tested(misnamed, FAILURE)
        require(steps_of(rows)[-1] == ("theirProof", "not-your-name"), f"{rows}")
        require((rows[-2]["wanted"], rows[-2]["got"]) == ("s9", "s8"), f"{rows}")
        real.envelope(1, {"id": new_id(), "from": "zoe@s9", "to": "public", "at": 1, "text": "undisturbed"})
        real.expect("acknowledgement", through=1)

        # A test from the other side ends when it says anything else.
        trial = peer.dial(node.link_port)
        trial.hello(purpose="test")
        require(trial.expect_hello()["purpose"] == "test", "the node repeats it")
        trial.expect_proof()
        trial.send("proof", signature=trial.proof())
        trial.send("echo", ref=7)
        require(trial.expect("echoed", ref=7)["at"] > 1_600_000_000_000, "the node's clock")
        trial.send("resume", epoch=peer.epoch, first=1)
        trial.expect_refusal("out-of-order")
        require(link(play, node, "s9")["state"] == "up", "the link is as it was")


def scenario_foul_words_of_another_server_do_not_reach_the_terminal(play: Play) -> None:
    foul = "\x1b[2J\u202egone\x07"
    with Peer("s9", "s1") as peer:
        node = play.node("s1", mailing_address={"s9": f"ws://127.0.0.1:{peer.listen()}"})
        link_to_us = peer.accept()
        link_to_us.expect_hello()
        link_to_us.peer.run(link_to_us.socket.close(4000, f"unknown-server: {foul}"))
        wait_for(play, node, "s9", lambda row: "error" in row, "an error")
        for words in (("list",), ("why", "s9"), ("list", "--json"), ("why", "s9", "--json")):
            text = peers(play, node, *words)
            require("u{1b}[2J" in text, f"the words are shown, harmless: {text!r}")
            require(not any(character in text for character in "\x1b\u202e\x07"), f"{words}: {text!r}")
        require(not any(character in line for line in node.log for character in "\x1b\u202e\x07"), "the log")


def connect(node: Node) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(PATIENCE_SECONDS)
    connection.connect(str(node.folder / "data/admin.sock"))
    return connection


def scenario_the_socket_takes_lines_and_refuses_by_name(play: Play) -> None:
    node = play.node("s1", mailing_address={"s9": {"key": "ed25519:" + "A" * 43 + "="}})
    with connect(node) as connection, connection.makefile("r") as answers:
        cases = [
            ('{"do":"peers lost"}', "unknown-tag"), ("{", "malformed-json"), ('{"do":"peers why"}', "missing-member"),
            ('{"do":"peers why","name":"S9"}', "bad-address"), ('{"do":"peers why","name":"x","name":"y"}',
                                                                "duplicate-member"),
            ('{"do":"peers trust","name":"s9"}', "not-offered"),
        ]
        for line, code in cases:
            connection.sendall(line.encode() + b"\n")
            answer = json.loads(answers.readline())
            require((answer["tag"], answer["code"]) == ("refused", code), f"{line}: {answer}")
        # In pieces, and several at once, each is answered in its turn.
        for byte in b'{"do":"peers why","name":"s9"}\n':
            connection.sendall(bytes([byte]))
        require([json.loads(answers.readline())["tag"] for _ in range(2)] == ["link", "done"], "byte by byte")
        connection.sendall(b'{"do":"peers list"}\n' * 100)
        tags = [json.loads(answers.readline())["tag"] for _ in range(200)]
        require(tags == ["link", "done"] * 100, f"{tags}")
        connection.sendall(b"x" * 10_000)
        last = json.loads(answers.readline())
        require(last["code"] == "too-long" and answers.readline() == "", f"a line has an end: {last}")


def scenario_administrators_are_few_and_none_holds_up_the_node(play: Play) -> None:
    s1, _ = play.pair()
    alice, bob = play.client("alice@s1"), play.client("bob@s2")
    with ExitStack() as stack:
        idle = [stack.enter_context(connect(s1)) for _ in range(SESSIONS_MAX)]
        idle[0].sendall(b'{"do":"peers li')
        with connect(s1) as more:
            refused = json.loads(more.makefile().readline())
            require((refused["tag"], refused["code"]) == ("refused", "busy"), f"{refused}")
        peers(play, s1, "list", code=FAILURE, says=("busy",))
        # One asks without end and reads nothing.
        greedy = idle[1]
        greedy.setblocking(False)
        try:
            for _ in range(20_000):
                greedy.send(b'{"do":"peers list"}\n' * 50)
        except BlockingIOError:
            pass
        else:
            raise Failed("the node reads commands without end whose answers nobody takes")
        sent = [alice.send("bob@s2", f"number {number}") for number in range(20)]
        alice.expect_all("delivered", sent)
        bob.wait(lambda: len(bob.texts()) == 20, "the messages")
        idle[2].close()
        peers(play, s1, "list", says=("s2",))
    s1.running().signal(signal.SIGTERM)
    require(s1.running().ended(within=10) == 0, "nobody keeps a node from stopping")
