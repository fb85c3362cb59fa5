"""Files as Docs/protocol/client.md and federation.md have them: uploaded in chunks, fetched at their own node and
across a link, ended once. The chunks are any bytes: nodes do not look into them.
"""
from __future__ import annotations

import json
import os
import signal
from typing import Any

from harness import Failed, Node, Play, new_id, require
from peer import Message, Peer, encode
from raw import Line, RawClient

# What a sealed chunk has at most: 49,152 bytes of content, a link of the hash chain, a tag.
CHUNK_BYTES = 49_200
UNDER_WAY_MAX = 8


class File:
    """A file of `author` for `to`, as its node sees it."""

    def __init__(self, author: str, to: str, chunks: int = 5):
        self.id = new_id()
        self.author = author
        self.to = to
        self.chunks = [os.urandom(CHUNK_BYTES) for _ in range(chunks)]

    def begin(self, **changes: Any) -> Line:
        return {"tag": "file", "ref": 1, "id": self.id, "to": self.to, "chunks": len(self.chunks)} | changes

    def chunk(self, number: int, **changes: Any) -> Line:
        data = encode(self.chunks[number])
        return {"tag": "chunk", "ref": 100 + number, "id": self.id, "index": number, "data": data} | changes

    def fetch(self, number: int, **changes: Any) -> Line:
        return {"tag": "fetch", "ref": 200 + number, "from": self.author, "id": self.id, "index": number} | changes

    def outcome(self, outcome: str, **changes: Any) -> Line:
        return {"tag": "outcome", "ref": 3, "from": self.author, "id": self.id, "outcome": outcome} | changes


def session(node: Node, user: str) -> RawClient:
    return RawClient(node).logged_in(user)


def upload(client: RawClient, file: File) -> None:
    """In order, several chunks at a time."""
    client.say(file.begin())
    held = client.expect("file", ref=1, id=file.id, chunks=len(file.chunks))["held"]
    for index in range(held, len(file.chunks)):
        client.say(file.chunk(index))
    for index in range(held, len(file.chunks)):
        client.expect("file", ref=100 + index, id=file.id, held=index + 1)


def download(client: RawClient, file: File) -> None:
    """All at once: what is too much waits in the socket. Answers come in any order."""
    for index in range(len(file.chunks)):
        client.say(file.fetch(index))
    for _ in file.chunks:
        line = client.expect("chunk")
        require(line["data"] == encode(file.chunks[line["ref"] - 200]), f"chunk {line['ref'] - 200} is another one")


def end(client: RawClient, file: File, outcome: str) -> None:
    client.say(file.outcome(outcome))
    client.expect("outcome", ref=3)


def require_no_file(client: RawClient, file: File) -> None:
    client.say(file.fetch(0))
    client.expect_refusal("no-file", ref=200)


def wait_for_link(client: RawClient, file: File) -> None:
    """Until the other node can be asked. There is nothing to wait for but its answer."""
    while True:
        client.say(file.fetch(0))
        while (line := client.next_line()) and line.get("ref") != 200:
            pass
        if line is None:
            raise Failed("the connection ended")
        if line["tag"] == "chunk":
            return
        require(line["code"] == "timed-out", f"a chunk was expected, came {line}")


def scenario_a_file_is_uploaded_fetched_and_received_at_one_node(play: Play) -> None:
    node = play.node("s1")
    with session(node, "alice") as alice, session(node, "alice") as second, session(node, "carol") as carol:
        file = File("alice@s1", "carol@s1", chunks=40)
        alice.say(file.begin())
        alice.expect("file", ref=1, held=0, chunks=40)
        require_no_file(carol, file)
        upload(alice, file)
        download(carol, file)
        download(alice, file)
        end(carol, file, "received")
        for author in (alice, second):
            author.expect("file", id=file.id, held=40, chunks=40, outcome="received")
        end(carol, file, "declined")
        alice.say(file.begin())
        alice.expect("file", ref=1, outcome="received")
        require_no_file(carol, file)
        require_no_file(alice, file)
        empty = File("alice@s1", "carol@s1", chunks=0)
        upload(alice, empty)
        require_no_file(carol, empty)
        end(carol, empty, "received")
        alice.expect("file", id=empty.id, held=0, chunks=0, outcome="received")


def scenario_a_file_goes_to_another_server(play: Play) -> None:
    s1, s2 = play.pair()
    with session(s1, "alice") as alice, session(s1, "carol") as carol, session(s2, "bob") as bob, \
            session(s2, "dave") as dave:
        file = File("alice@s1", "bob@s2", chunks=40)
        upload(alice, file)
        wait_for_link(bob, file)
        download(bob, file)
        for stranger in (carol, dave):
            require_no_file(stranger, file)
        dave.say(file.outcome("declined"))
        dave.expect_refusal("no-file", ref=3)
        end(bob, file, "received")
        alice.expect("file", id=file.id, outcome="received")
        end(bob, file, "received")
        require_no_file(bob, file)

        refused = File("alice@s1", "bob@s2")
        upload(alice, refused)
        end(bob, refused, "declined")
        alice.expect("file", id=refused.id, held=5, outcome="declined")

        public = File("alice@s1", "public")
        upload(alice, public)
        for reader in (carol, bob, dave):
            download(reader, public)
        end(dave, public, "received")
        download(bob, public)
        bob.say(public.outcome("cancelled"))
        bob.expect_refusal("bad-value", ref=3)
        # Whoever has the answer knows the end: it is told first.
        alice.say(public.outcome("cancelled"))
        alice.expect("file", id=public.id, outcome="cancelled")
        alice.expect("outcome", ref=3)
        require_no_file(bob, public)


def scenario_what_cannot_be_taken_is_refused_by_name(play: Play) -> None:
    node = play.node("s1", file_bytes_max=CHUNK_BYTES * 4,
                     spool_account_bytes_max=CHUNK_BYTES * 6)
    with session(node, "alice") as alice, session(node, "carol") as carol:
        small = File("alice@s1", "carol@s1", chunks=2)
        cases = [
            (small.begin(to="nobody@s1"), "unknown-user"),
            (small.begin(to="bob@nowhere"), "unknown-server"),
            (small.begin(chunks=6), "file-too-large"),
            (small.begin(chunks=-1), "bad-value"),
            (small.begin(chunks="2"), "wrong-type"),
            (small.begin(to="Bob"), "bad-address"),
            (small.begin(id="7"), "bad-id"),
            (small.chunk(0), "no-file"),
            (small.fetch(0), "no-file"),
            (small.fetch(0, **{"from": "bob@nowhere"}), "unknown-server"),
            (small.outcome("received"), "no-file"),
            (small.outcome("lost"), "bad-value"),
            (small.outcome("expired"), "no-file"),
        ]
        for line, code in cases:
            alice.say(line)
            alice.expect_refusal(code, ref=line["ref"])
        upload(alice, File("alice@s1", "carol@s1", chunks=3))
        alice.say(small.begin())
        alice.expect("file", held=0)
        alice.say(File("alice@s1", "carol@s1", chunks=2).begin())
        alice.expect_refusal("spool-full", ref=1)
        for changes in ({"to": "public"}, {"chunks": 1}):
            alice.say(small.begin(**changes))
            alice.expect_refusal("id-reused", ref=1)
        malformed = [
            (small.chunk(1), "out-of-order"),
            (small.chunk(0, data=""), "bad-value"),
            (small.chunk(0, data="q6s"), "wrong-type"),
            (small.chunk(0, data="q6t="), "wrong-type"),
            (small.chunk(0, data="q6s=\n"), "wrong-type"),
            (small.chunk(0, data=encode(bytes(CHUNK_BYTES + 1))), "bad-value"),
            (small.chunk(0, data=7), "wrong-type"),
            (small.chunk(0, index=-1), "bad-value"),
            (small.chunk(0, index=2), "bad-value"),
            (small.chunk(0, index=349_526), "bad-value"),
            (small.chunk(0, index=1.5), "wrong-type"),
            ({"tag": "chunk", "ref": 5, "id": small.id, "index": 0}, "missing-member"),
        ]
        for line, code in malformed:
            alice.say(line)
            alice.expect_refusal(code, ref=line["ref"])
        upload(alice, small)
        alice.say(small.chunk(0, data="AAAA"))
        alice.expect("file", ref=100, held=2)
        download(carol, small)


def scenario_a_node_may_take_no_files(play: Play) -> None:
    node = play.node("s1", file_bytes_max=0)
    with RawClient(node) as alice:
        alice.hello()
        welcome = alice.login("alice")
        require(welcome["fileBytesMax"] == 0, f"the welcome says so: {welcome}")
        alice.say(File("alice@s1", "public", chunks=0).begin())
        alice.expect_refusal("file-too-large", ref=1)


def scenario_an_upload_goes_on_after_the_node_was_killed(play: Play) -> None:
    """`held` never tells more than is on disk, and never less than was answered."""
    s1, s2 = play.pair()
    file = File("alice@s1", "bob@s2", chunks=60)
    answered = 0
    while answered < len(file.chunks):
        with session(s1, "alice") as alice:
            alice.say(file.begin())
            held = alice.expect("file", ref=1)["held"]
            require(answered <= held <= len(file.chunks), f"{answered} chunks were answered, {held} are held")
            answered = held
            for index in range(held, len(file.chunks)):
                alice.say(file.chunk(index))
            for index in range(held, min(held + 17, len(file.chunks))):
                answered = alice.expect("file", ref=100 + index)["held"]
            s1.kill()
        s1.restart()
    with session(s2, "bob") as bob, session(s1, "alice") as alice:
        wait_for_link(bob, file)
        download(bob, file)
        end(bob, file, "received")
        alice.expect("file", id=file.id, outcome="received")


def scenario_a_download_goes_on_after_the_authors_node_was_away(play: Play) -> None:
    s1, s2 = play.pair()
    file = File("alice@s1", "bob@s2", chunks=20)
    with session(s1, "alice") as alice:
        upload(alice, file)
    with session(s2, "bob") as bob:
        wait_for_link(bob, file)
        s1.kill()
        for line in (file.fetch(1), file.outcome("received")):
            bob.say(line)
            bob.expect_refusal("timed-out", ref=line["ref"])
        s1.restart()
        wait_for_link(bob, file)
        download(bob, file)
        end(bob, file, "received")
    with session(s1, "alice") as alice:
        alice.say(file.begin())
        alice.expect("file", ref=1, held=20, outcome="received")


def scenario_a_flood_of_fetches_waits_in_its_socket(play: Play) -> None:
    """The author's node does not answer: the session is not read, and its neighbour notices nothing."""
    with Peer("s9", "s1") as peer:
        node = play.node("s1", mailing_address={"s9": {"key": peer.key_text}})
        link = peer.dial(node.link_port).prove()
        with session(node, "alice") as alice, session(node, "carol") as carol:
            file = File("zoe@s9", "alice@s1", chunks=100)
            for index in range(100):
                alice.say(file.fetch(index))
            alice.say({"tag": "ping", "ref": 1})
            wanted = [link.expect("chunkWanted", reader="alice", id=file.id) for _ in range(UNDER_WAY_MAX)]
            require([question["index"] for question in wanted] == list(range(UNDER_WAY_MAX)), f"asked was {wanted}")
            for ref in range(20):
                carol.say({"tag": "ping", "ref": ref})
                carol.expect("pong", ref=ref)
            carol.say(file.fetch(50))
            question = link.receive()
            require(question.get("reader") == "carol", f"alice waits, so carol is next; asked was {question}")
            for question in (*wanted[::-1], question):
                link.send("chunk", ref=question["ref"], data=encode(file.chunks[question["index"]]))
            require(carol.expect("chunk", ref=250)["data"] == encode(file.chunks[50]), "carol got another chunk")
            for question in wanted[::-1]:
                line = alice.expect("chunk", ref=200 + question["index"])
                require(line["data"] == encode(file.chunks[question["index"]]), "alice got another chunk")
            link.close()
            for index in range(UNDER_WAY_MAX, 100):
                alice.expect_refusal("timed-out", ref=200 + index)
            alice.expect("pong", ref=1)


def refused(message: Message) -> str | None:
    return message.get("refusal", {}).get("code")


def scenario_another_server_gets_what_is_its_peoples_and_nothing_else(play: Play) -> None:
    with Peer("s9", "s1") as peer:
        node = play.node("s1", mailing_address={"s9": {"key": peer.key_text}})
        link = peer.dial(node.link_port).prove()
        with session(node, "alice") as alice, session(node, "carol"):
            file, inner = File("alice@s1", "zoe@s9"), File("alice@s1", "carol@s1")
            for each in (file, inner):
                upload(alice, each)

            def wanted(which: File, ref: int, **changes: Any) -> Message:
                place = {"from": which.author, "id": which.id, "index": 0, "reader": "zoe"} | changes
                link.send("chunkWanted", ref=ref, **place)
                return link.expect("chunk", ref=ref)

            require(wanted(file, 1, index=4)["data"] == encode(file.chunks[4]), "the chunk is another one")
            for changes in ({"reader": "eve"}, {"reader": "alice"}, {"index": 5}, {"id": new_id()}):
                require(refused(wanted(file, 2, **changes)) == "no-file", f"{changes} is no file")
            require(refused(wanted(inner, 3, reader="carol")) == "no-file", "carol is not of s9")
            for author in ("zoe@s9", "alice@s2"):
                require(refused(wanted(file, 4, **{"from": author})) == "not-for-us", f"{author} is not of s1")

            def told(which: File, ref: int, **changes: Any) -> Message:
                members = {"from": which.author, "id": which.id, "reader": "zoe", "outcome": "declined"} | changes
                link.send("outcome", ref=ref, **members)
                return link.expect("outcomeKept", ref=ref)

            require(refused(told(file, 5, reader="eve")) == "no-file", "the file is not eve's to decline")
            require(refused(told(inner, 6, reader="carol")) == "no-file", "carol is not of s9")
            for ref in (7, 8):
                require(refused(told(file, ref)) is None, "zoe declines, as often as she likes")
            alice.expect("file", id=file.id, outcome="declined")
            require(refused(wanted(file, 9)) == "no-file", "an ended file is none")
            members = {"from": inner.author, "id": inner.id, "reader": "zoe", "outcome": "cancelled"}
            link.send("outcome", ref=10, **members)
            link.expect_refusal("bad-value")


def scenario_an_answer_of_the_wrong_kind_ends_the_link(play: Play) -> None:
    with Peer("s9", "s1") as peer:
        node = play.node("s1", mailing_address={"s9": {"key": peer.key_text}})
        file = File("zoe@s9", "alice@s1")
        with session(node, "alice") as alice:
            for line, answer, members in [
                (file.fetch(0), "outcomeKept", {}),
                (file.outcome("received"), "chunk", {"data": "q6s="}),
                (file.fetch(0), "chunk", {}),
                (file.fetch(0), "chunk", {"data": encode(bytes(CHUNK_BYTES + 1))}),
            ]:
                link = peer.dial(node.link_port).prove()
                alice.say(line)
                question = link.expect("chunkWanted" if line["tag"] == "fetch" else "outcome")
                link.send("chunk", ref=4000, data="q6s=")  # nobody's; ignored
                link.send(answer, ref=question["ref"], **members)
                link.expect_refusal("missing-member" if answer == "chunk" and not members else "bad-value")
                alice.expect_refusal("timed-out", ref=line["ref"])


def scenario_the_counts_tell_what_is_spooled(play: Play) -> None:
    node = play.node("s1")
    with session(node, "alice") as alice:
        upload(alice, File("alice@s1", "carol@s1", chunks=3))
        node.running().signal(signal.SIGUSR1)

        def counts() -> Line | None:
            return next((line for line in map(json.loads, node.log) if "files" in line), None)

        found = node.running().wait(counts, "the counts")
        require(found["files"] == "1" and found["fileBytes"] == str(3 * CHUNK_BYTES), f"counted was {found}")
