"""What clients may not say: each gets a named refusal, the stream ends where it must, and nobody else notices.

A refusal that ends the connection is the node's last line, tagged `closing`; the others are tagged `refused`.
"""
from __future__ import annotations

import json
import signal
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Iterator

from attack import opening
from harness import Node, Play, new_id, require, shows
from raw import Line, RawClient


def draft(**changes: Any) -> Line:
    """A good public message, with `changes`; None takes a member away."""
    envelope = {"id": new_id(), "to": "public", "at": time.time_ns() // 1_000_000, "text": "hello"} | changes
    return {"tag": "message", "envelope": {name: value for name, value in envelope.items() if value is not None}}


@dataclass
class Case:
    """Bytes or a line, the code of the refusal, and whether the connection then ends."""

    code: str
    says: bytes | Line
    ends: bool = False

    @property
    def data(self) -> bytes:
        return self.says if isinstance(self.says, bytes) else json.dumps(self.says).encode() + b"\n"


@contextmanager
def two_who_go_on(play: Play) -> Iterator[Node]:
    """dave and bob talk across the link before and after, in the same sessions."""
    s1, _ = play.pair()
    carol, dave = play.client("carol@s1"), play.client("dave@s2")
    carol.expect_online(dave.name)
    dave.expect("message", id=carol.send("dave@s2", "before"))
    yield s1
    dave.expect("message", id=carol.send("dave@s2", "after"))
    carol.expect("message", id=dave.send("carol@s1", "still here"))
    for client in (carol, dave):
        require(not client.all("disconnected"), f"{client.name} lost its connection")
        require(client.texts(conversation="public") == [], f"{client.name} saw {client.texts()}")


def require_counted(node: Node, cases: list[Case]) -> None:
    """SIGUSR1 makes a node write what it counted, by code."""
    node.running().signal(signal.SIGUSR1)
    counts = node.running().wait(lambda: next(filter(is_state, map(json.loads, node.log)), None), "the counts")
    missing = {case.code for case in cases if int(counts.get(case.code, 0)) < 1}
    require(not missing, f"not counted: {missing}; counted: {counts}")


def is_state(line: Line) -> bool:
    return line["event"] == "state"


def expect_refusal(client: RawClient, case: Case) -> None:
    client.send(case.data)
    if case.ends:
        client.expect_end(case.code)
        return
    refusal = client.expect_refusal(case.code)
    if isinstance(case.says, dict) and "ref" in case.says:
        require(refusal.get("ref") == case.says["ref"], f"the refusal answers {refusal}")
    client.say({"tag": "ping", "ref": 77})
    client.expect("pong", ref=77)


LOGGED_IN = [
    Case("malformed-json", b"{\n", ends=True),
    Case("malformed-json", b'{"tag":"who","ref":1} x\n', ends=True),
    Case("malformed-json", b"[1,2]\n", ends=True),
    Case("malformed-json", b'{"tag":"\xff\xfe"}\n', ends=True),
    Case("malformed-json", b'{"tag":"who","ref":01}\n', ends=True),
    Case("duplicate-member", b'{"tag":"who","ref":1,"ref":2}\n', ends=True),
    Case("too-deep", b'{"tag":"who","ref":1,"x":' + b"[" * 30 + b"]" * 30 + b"}\n", ends=True),
    Case("too-long", b'{"tag":"who","x":"' + b"x" * 300_000 + b'"}\n', ends=True),
    Case("too-long", b"x" * 300_000, ends=True),
    Case("already-logged-in", {"tag": "login", "user": "alice", "data": "n,,n=alice,r=abcdefgh"}, ends=True),
    Case("unknown-tag", {"tag": "dance"}),
    Case("missing-member", {"ref": 1}),
    Case("missing-member", {"tag": "history", "ref": 5, "conversation": "public"}),
    Case("missing-member", draft(text=None)),
    Case("wrong-type", {"tag": 7}),
    Case("wrong-type", {"tag": "keys", "ref": 5, "of": 7}),
    Case("wrong-type", draft(at="now")),
    Case("bad-value", {"tag": "history", "ref": 5, "conversation": "public", "count": 0}),
    Case("bad-value", draft(text="")),
    Case("too-long", draft(text="x" * 40_000)),
    Case("bad-id", draft(id="not-an-id")),
    Case("bad-address", {"tag": "keys", "ref": 5, "of": "Alice@s1"}),
    Case("bad-address", {"tag": "keys", "ref": 5, "of": "alice"}),
    Case("bad-address", draft(to="alice@")),
    Case("not-sealed", draft(to="dave@s2")),
    Case("forged-from", draft(**{"from": "carol@s1"})),
    Case("unknown-user", {"tag": "keys", "ref": 5, "of": "nobody@s1"}),
    Case("unknown-user", {"tag": "keys", "ref": 5, "of": "nobody@s2"}),
    Case("unknown-server", {"tag": "keys", "ref": 5, "of": "bob@s77"}),
]

AFTER_HELLO = [
    Case("login-first", {"tag": "who", "ref": 1}, ends=True),
    Case("login-first", draft(), ends=True),
    Case("too-long", b"x" * 5_000 + b"\n", ends=True),
    Case("malformed-json", b"\x00\x01\x02\x03 garbage \xff\n", ends=True),
]

VERBS = (b"HEAD", b"PUT", b"DELETE", b"OPTIONS", b"CONNECT", b"PATCH", b"TRACE")

FIRST_WORDS = [
    Case("not-postroad", b"GET / HTTP/1.1\r\nHost: s1\r\n\r\n", ends=True),
    Case("not-postroad", b"POST /x HTTP/1.0\r\n\r\n", ends=True),
    *(Case("not-postroad", verb + b" / HTTP/1.1\r\nHost: s1\r\n\r\n", ends=True) for verb in VERBS),
    Case("not-postroad", opening("/"), ends=True),
    Case("malformed-json", b"\x80\x81\x82 garbage\n", ends=True),
    Case("malformed-json", b"hello?\n", ends=True),
    Case("unknown-host", {"tag": "hello", "version": 1, "server": "s2", "nonce": "A" * 43 + "="}, ends=True),
    Case("protocol-version", {"tag": "hello", "version": 99, "server": "s1", "nonce": "A" * 43 + "="}, ends=True),
    Case("login-first", {"tag": "who", "ref": 1}, ends=True),
]


@shows("security 27")
def scenario_bad_lines_of_a_session_are_refused(play: Play) -> None:
    with two_who_go_on(play) as node:
        for case in LOGGED_IN:
            with RawClient(node) as client:
                expect_refusal(client.logged_in("alice"), case)
        require_counted(node, LOGGED_IN)


def scenario_bad_words_before_login_are_refused(play: Play) -> None:
    with two_who_go_on(play) as node:
        for case in FIRST_WORDS:
            with RawClient(node) as client:
                expect_refusal(client, case)
        for case in AFTER_HELLO:
            with RawClient(node) as client:
                client.hello()
                expect_refusal(client, case)
        require_counted(node, FIRST_WORDS + AFTER_HELLO)


def scenario_a_wrong_login_is_refused_without_telling_why(play: Play) -> None:
    with two_who_go_on(play) as node:
        told = set()
        for user, password in (("alice", "wrong"), ("nobody", "anything"), ("bob", "of the other server")):
            with RawClient(node) as client:
                client.hello()
                client.answer_challenge(user, password)
                told.add(json.dumps(client.expect_end("login-refused"), sort_keys=True))
        require(len(told) == 1, f"the answers differ: {told}")


def scenario_a_retry_is_safe_and_another_body_is_refused(play: Play) -> None:
    node = play.node("s1")
    with RawClient(node) as client:
        client.logged_in("alice")
        message = draft(text="said once")
        client.say(message)
        first = client.expect("state")
        require(first["state"] == "accepted" and first["id"] == message["envelope"]["id"], f"{first}")
        client.say(message)
        again = client.expect("state", id=first["id"])
        require(again["state"] in ("accepted", "delivered"), f"the retry was answered with {again}")
        changed = {"tag": "message", "envelope": message["envelope"] | {"text": "said otherwise"}}
        client.say(changed)
        client.expect_refusal("id-reused", id=first["id"])
    require(len(node.stored_ids()) == 1, "one record is stored")


def scenario_a_flood_of_half_lines_ends_by_itself(play: Play) -> None:
    """Connections that say nothing whole do not keep others out, and end by the deadline of the login."""
    with two_who_go_on(play) as node:
        silent = [RawClient(node) for _ in range(50)]
        for client in silent:
            client.send(b'{"tag":"hel')
        with RawClient(node) as client:
            client.logged_in("alice")
        for client in silent:
            require(b"timed-out" in client.read_to_end(), "a silent connection is told that its time is over")
            client.socket.close()
