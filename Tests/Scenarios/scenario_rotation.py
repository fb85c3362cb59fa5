"""A server goes over to a new key, and everybody who knew the old one follows; nobody else gets in that way."""
from __future__ import annotations

import json
import random
import subprocess
from contextlib import suppress

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from harness import Node, Play, new_id, require
from peer import Peer, rotation
from raw import RawClient
from scenario_admin import link, peers, wait_for, wait_log, wait_state
from scenario_programs import require_exit, said

OK, FAILURE, USAGE = 0, 1, 2


def rotate(play: Play, node: Node) -> tuple[str, str]:
    """Returns the old key and the new one."""
    process = play.run(*node.command("key", "rotate", "--json"))
    require_exit(process, OK)
    done = json.loads(process.lines[-1])
    require(done["tag"] == "done" and "Back up" in done["text"], f"{done}")
    return done["old"], done["new"]


def shown_key(play: Play, node: Node) -> str:
    process = play.run(*node.command("key"))
    require_exit(process, OK)
    return process.lines[0]


def scenario_a_running_node_takes_a_new_key(play: Play) -> None:
    s1, s2 = play.pair()
    alice, bob = play.client("alice@s1"), play.client("bob@s2")
    wait_state(play, s2, "s1", "up")
    saved = s1.rows("SELECT user, verifier, saved_at FROM account ORDER BY user")
    wait_log(s2, "the link", '"link up"')
    ups = len([line for line in s2.log if '"link up"' in line])
    old, new = rotate(play, s1)
    require(old == s1.fingerprint and new != old and shown_key(play, s1) == new, "the new key is in force")
    sent = alice.send("bob@s2", "on the link of the old key")
    alice.expect("state", id=sent, state="delivered")
    require(len([line for line in s2.log if '"link up"' in line]) == ups, "the link stays")

    # The other server follows with the next link, and the client with the next login.
    s2.kill()
    s2.restart()
    row = wait_for(play, s2, "s1", lambda row: row["state"] == "up" and row["key"] == new, "the new key")
    require(row["pin"] == {"key": new, "origin": "rotated", "previous": old} and not row["alarm"], f"{row}")
    peers(play, s2, "why", "s1", says=("which the key before signed for", old, new))
    wait_log(s2, "the log notes it", "its old one signed for", new)
    s1.kill()
    s1.restart()
    require(s1.fingerprint == new, "and it lasts")
    alice.expect("error", code="server-key-rotated")
    sent = alice.send("bob@s2", "with the new key")
    alice.expect("state", id=sent, state="delivered")
    bob = play.client("bob@s2", profile="bob-again")
    wait_state(play, s2, "s1", "up")
    # Passwords are what they were, and nothing was derived anew.
    play.client("carol@s1")
    require(s1.rows("SELECT user, verifier, saved_at FROM account ORDER BY user") == saved, "no account changed")
    # A client that was away through several changes follows as well.
    alice.quit()
    newest = [rotate(play, s1)[1] for _ in range(3)][-1]
    again = play.client("alice@s1")
    told = again.expect("error", code="server-key-rotated")
    require(newest in told["text"], f"{told}")
    require("key rotate" in said(play.run("postroad-node", "--help")), "help names the command")


def scenario_keys_change_while_the_link_is_down(play: Play) -> None:
    s1, s2 = play.pair()
    alice = play.client("alice@s1")
    wait_state(play, s2, "s1", "up")
    first = s1.fingerprint
    s2.kill()
    s1.kill()
    keys = [rotate(play, s1)[1] for _ in range(3)]
    require_exit(play.run(*s1.command("key", "rotate")), OK, "s1 has a new key", "digest.key", "rotations.json")
    s1.restart()
    s2.restart()
    row = wait_state(play, s2, "s1", "up")
    require(row["key"] == s1.fingerprint and row["pin"]["previous"] == first, f"{row}")
    require(len({first, s1.fingerprint, *keys}) == 5, "four changes")
    sent = alice.send("public", "after four changes")
    alice.expect("state", id=sent, state="delivered")


def scenario_the_setup_files_key_is_followed_with_a_warning(play: Play) -> None:
    s1 = play.node("s1")
    s2 = play.node("s2", mailing_address={"s1": {"address": f"127.0.0.1:{s1.link_port}", "key": s1.fingerprint}})
    old = s1.fingerprint
    play.run(*s1.command("peers", "add", "s2", f"127.0.0.1:{s2.link_port}"))
    wait_state(play, s2, "s1", "up")
    _, new = rotate(play, s1)
    s2.kill()
    s2.restart()
    row = wait_state(play, s2, "s1", "up")
    require(row["pin"] == {"key": new, "origin": "rotated", "previous": old, "insteadOf": old}, f"{row}")
    wait_log(s2, "the administrator is told", "the setup file names an old key")
    peers(play, s2, "why", "s1", says=("setup", f"names {old} still", "write the new key there"))
    s2.kill()
    s2.restart()
    wait_state(play, s2, "s1", "up")
    wait_log(s2, "at each start", "the setup file names an old key")
    s2.kill()
    s2.write_setup(s2.setup | {"mailing_address": {"s1": {"address": f"127.0.0.1:{s1.link_port}", "key": new}}})
    s2.restart()
    row = wait_state(play, s2, "s1", "up")
    wait_log(s2, "the link", '"link up"')
    require(row["keyNamed"] and not any("names an old key" in line for line in s2.log), f"{row}")


def scenario_another_make_rotates_and_forgers_do_not(play: Play) -> None:
    with Peer("s9", "s1") as peer, Peer("s9", "s1") as thief:
        old, fresh = peer.key, Ed25519PrivateKey.generate()
        known = peer.key_text
        node = play.node("s1", mailing_address={"s9": {"key": known}})
        good = rotation("s9", old, fresh)
        stranger = thief.key
        cases = [
            ("key-changed", []),
            ("bad-rotation", [good | {"byOld": good["byNew"]}]),
            ("bad-rotation", [good | {"byNew": good["byOld"]}]),
            ("bad-rotation", [good | {"at": good["at"] + 1}]),
            ("bad-rotation", [rotation("s8", old, fresh)]),
            ("bad-rotation", [rotation("s9", old, stranger)]),
            ("bad-rotation", [rotation("s9", stranger, fresh), good]),
            ("key-changed", [rotation("s9", stranger, fresh)]),
            ("too-long", [good] * 9),
        ]
        peer.take_key(fresh)
        for code, statements in cases:
            link_to_node = peer.dial(node.link_port)
            link_to_node.hello(rotations=statements)
            if code == "bad-rotation" and statements[0]["new"] == peer.key_text and len(statements) == 1:
                link_to_node.expect_hello()
                link_to_node.expect_proof()
                link_to_node.send("proof", signature=link_to_node.proof())
            link_to_node.expect_refusal(code)
            require(link(play, node, "s9")["key"] == known, f"{code} changes nothing")

        proven = peer.dial(node.link_port)
        proven.hello(rotations=[good])
        proven.expect_hello()
        proven.expect_proof()
        proven.send("proof", signature=proven.proof())
        proven.send("resume", epoch=peer.epoch, first=1)
        proven.expect("resume")
        row = link(play, node, "s9")
        require(row["state"] == "up" and row["key"] == peer.key_text and row["pin"]["insteadOf"] == known, f"{row}")
        proven.envelope(1, {"id": new_id(), "from": "zoe@s9", "to": "public", "at": 1, "text": "by the new key"})
        proven.expect("acknowledgement", through=1)

        # Back to the old key leads nothing, after a restart neither.
        node.kill()
        node.restart()
        thief.take_key(old)
        for statements in ([], [rotation("s9", stranger, old)]):
            replay = thief.dial(node.link_port)
            replay.hello(rotations=statements)
            replay.expect_refusal("key-changed")
        back = thief.dial(node.link_port)
        back.hello(rotations=[rotation("s9", fresh, old) | {"byOld": good["byOld"]}])
        back.expect_hello()
        back.expect_proof()
        back.send("proof", signature=back.proof())
        back.expect_refusal("bad-rotation")
        require(link(play, node, "s9")["key"] == peer.key_text, "the new key stays")
        # Whoever knows the present key needs no statements.
        peer.dial(node.link_port).prove()
        wait_state(play, node, "s9", "up")


def scenario_a_node_shows_its_statements(play: Play) -> None:
    """What others see: the hello on links and to clients, with signatures that a second make checks."""
    with Peer("s9", "s1") as peer:
        node = play.node("s1", mailing_address={"s9": {"key": peer.key_text}})
        keys = [node.fingerprint] + [rotate(play, node)[1] for _ in range(9)]
        hello = peer.dial(node.link_port)
        hello.hello()
        seen = hello.expect_hello()
        require(seen["key"] == keys[-1] and len(seen["rotations"]) == 8, f"{seen}")
        require([item["new"] for item in seen["rotations"]] == keys[2:], "the newest, oldest first")
        require([item["old"] for item in seen["rotations"]] == keys[1:-1], "a chain")
        for item in seen["rotations"]:
            require_genuine("s1", item)
        with RawClient(node) as client:
            told = client.hello()
            require(told["key"] == keys[-1] and told["rotations"] == seen["rotations"], f"{told}")


def require_genuine(server: str, item: dict[str, object]) -> None:
    import base64

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    from peer import decode_key, field

    keys = [decode_key(str(item["old"])), decode_key(str(item["new"]))]
    parts = [b"postroad-key-rotation-1", server.encode(), *keys, str(item["at"]).encode()]
    signed = b"".join(field(part) for part in parts)
    for key, name in zip(keys, ("byOld", "byNew")):
        Ed25519PublicKey.from_public_bytes(key).verify(base64.b64decode(str(item[name])), signed)


def scenario_a_kill_in_the_middle_of_a_change_harms_nothing(play: Play) -> None:
    s1, s2 = play.pair()
    wait_state(play, s2, "s1", "up")
    saved = s1.rows("SELECT user, verifier, saved_at FROM account ORDER BY user")
    s1.kill()
    before = shown_key(play, s1)
    changes = 0
    for _ in range(12):
        # Wherever the kill falls, the next start finds a key together with what leads to it.
        process = play.spawn("rotate", s1.command("key", "rotate"), s1.folder)
        with suppress(subprocess.TimeoutExpired):
            process.child.wait(random.uniform(0, 0.03))
        process.end()
        process.ended()
        key = shown_key(play, s1)
        changes += key != before
        before = key
        if changes >= 6:
            break
    s1.restart()
    row = wait_state(play, s2, "s1", "up")
    require(row["key"] == before == s1.fingerprint, f"{row}")
    play.client("alice@s1")
    require(s1.rows("SELECT user, verifier, saved_at FROM account ORDER BY user") == saved, "no account changed")
