"""A hostile server in a ring with two others: what it throws back or over, what it asks for, and where it points."""
from __future__ import annotations

import json
import socket
import threading
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from attack import RawWebSocket, frame, opening
from harness import Node, Play, new_id, require, shows
from hostile import Hostile, message, receive_until, words
from peer import Closed, Link, Message
from raw import Connection, RawClient
from scenario_hostile import Ring, expect_good_words

ROUNDS = 4
MIRROR_SECONDS = 0.5
# What a node says on a link that stands for a moment, beside public messages and the answers to those thrown back twice.
OPENING_MESSAGES_MAX = 12


class Mirror:
    """Throws what comes on either link back where it came from, and over to the other node, but for some kinds."""

    def __init__(self, links: list[Link], keeps: set[str]):
        self.links = links
        self.keeps = keeps
        self.heard = 0
        self.lock = threading.Lock()
        self.deadline = time.monotonic() + MIRROR_SECONDS
        self.threads = [threading.Thread(target=self.reflect, args=(link,), daemon=True) for link in links]

    def reflect(self, link: Link) -> None:
        while said := receive_until(link, self.deadline):
            with self.lock:
                self.heard += 1
            for target in self.links:
                if said["tag"] not in self.keeps:
                    target.send_text(json.dumps(said))

    def run(self) -> int:
        for thread in self.threads:
            thread.start()
        for thread in self.threads:
            thread.join()
        return self.heard


@shows("fault 25", "security 33")
def scenario_a_mirror_in_a_ring_moves_nothing(play: Play) -> None:
    """What is thrown back comes out nowhere: nobody answers an answer, nobody passes on. Some of it ends the link, and so there
    are mirrors that keep that to themselves."""
    ring = Ring(play)
    figures = []
    rounds = [set[str](), {"resume", "presence"}, {"resume", "presence", "acknowledgement"}] * ROUNDS
    with ring.unharmed():
        for keeps in rounds:
            links = [ring.link(), ring.other.linked(ring.nodes[1].link_port)]
            ring.burst(1)
            figures.append(Mirror(links, keeps).run())
            for link in links:
                link.close()
        for name, code in (("s2", "key-changed"), ("s1", "not-your-name"), ("s3", "unknown-server")):
            with Hostile(name, "s1") as liar:
                link = liar.dial(ring.s1.link_port)
                link.hello()
                link.expect_refusal(code)
        expect_good_words(ring, ring.link(), 1)
    public = ring.public_count()
    print(f"  {2 * len(figures)} links were mirrors and heard {figures} messages in pairs; {public} public ones were said", flush=True)
    most = 2 * (OPENING_MESSAGES_MAX + 3 * public)
    require(max(figures) <= most, f"the nodes said {max(figures)} things to a pair of mirrors, {most} are allowed")
    ring.require_no_transit()


# Each kind of line that a node says to its clients, and each that clients say, as another server might use it.
def lines_of_a_home(mine: str) -> list[Message]:
    person = {"address": "bob@s2", "status": "offline", "devices": []}
    envelope = words("bob@s2", text="what bob never said")
    return [
        {"tag": "welcome", "data": "v=", "address": "alice@s1", "heads": [{"conversation": "public", "seq": 10**6}]},
        {"tag": "servers", "servers": [{"server": "s2", "isReachable": False, "since": 1}], "isWhole": True},
        {"tag": "state", "id": mine, "state": "failed", "code": "unknown-user", "text": "nobody has it"},
        {"tag": "states", "ref": 1, "unknown": [mine]},
        {"tag": "message", "conversation": "public", "seq": 1, "envelope": envelope},
        {"tag": "message", "conversation": "bob@s2", "seq": 1, "envelope": envelope | {"to": "alice@s1"}},
        {"tag": "message", "envelope": {name: value for name, value in envelope.items() if name != "from"}},
        {"tag": "people", "ref": 1, "people": [person]}, {"tag": "published", "fingerprint": "0" * 64},
        {"tag": "history", "ref": 1, "conversation": "public", "entries": [{"seq": 1, "envelope": envelope}],
         "damaged": [], "last": 1, "hasMore": False},
        {"tag": "file", "id": mine, "held": 1, "chunks": 1, "outcome": "declined"},
        {"tag": "refused", "id": mine, "code": "bad-value", "text": "no"}, {"tag": "pong", "ref": 1}, {"tag": "bye"},
        {"tag": "login", "user": "alice", "data": "n,,n=alice,r=abcdefgh"}, {"tag": "who", "ref": 1},
        {"tag": "fetch", "ref": 1, "from": "alice@s1", "id": mine, "index": 0},
        {"tag": "carbon", "forwarded": envelope}, {"tag": "archive", "entries": [envelope]},
    ]


@shows("security 29")
def scenario_what_only_a_home_says_is_nothing_from_others(play: Play) -> None:
    """A server says what nodes say to their clients, and what clients say; a client says what servers say to each other."""
    ring = Ring(play)
    alice = ring["alice"]
    with ring.unharmed():
        mine = ring.say(alice, "bob@s2")
        alice.expect("state", id=mine, state="delivered")
        alice.expect("message", id=mine)
        mark = alice.mark()
        link = ring.link()
        for line in lines_of_a_home(mine):
            link.send_text(json.dumps(line))
        expect_good_words(ring, link, 1)
        require(not any(event.get("id") == mine or event.get("text") == "what bob never said"
                        for event in alice.events[mark:]), f"a server spoke for alice's home: {alice.events[mark:]}")
        require(alice.status_of("bob@s2") == "online", "a server took bob away")
        with RawClient(ring.s1).logged_in("carol") as client:
            for ref, (tag, members) in enumerate((
                ("envelope", {"seq": 1, "envelope": words("bob@s2")}), ("resume", {"epoch": "0" * 16, "first": 1}),
                ("acknowledgement", {"through": 10**6, "refused": []}), ("proof", {"signature": "AAAA"}),
                ("skip", {"seq": 1}), ("keysWanted", {"ref": 1, "user": "alice"}), ("outcomeKept", {"ref": 1}),
                ("chunkWanted", {"ref": 1, "from": "alice@s1", "id": mine, "index": 0, "reader": "bob"}),
                ("state", {"id": mine, "state": "failed"}), ("people", {"ref": 1, "people": []}),
                ("presence", {"people": [{"address": "bob@s2", "status": "offline", "devices": []}]}),
            )):
                client.say({"tag": tag} | members)
                client.expect_refusal("unknown-tag")
                client.say({"tag": "ping", "ref": ref})
                client.expect("pong", ref=ref)


@shows("security 34")
def scenario_a_spy_hears_what_the_setup_allows(play: Play) -> None:
    """One server may not know who is here and asks for everything; the other may know, and hears of s1's people alone."""
    ring = Ring(play, presence="none")
    alice, carol = ring["alice"], ring["carol"]
    secrets = [ring.say(alice, "carol@s1"), ring.say(alice, "bob@s2"), ring.say(carol, "alice@s1")]
    ring.settle()
    (ring.play.folder / "plan.txt").write_text("for carol alone")
    file_id = new_id()
    alice.say({"do": "file", "id": file_id, "to": "carol@s1", "path": str(ring.play.folder / "plan.txt")})
    carol.expect("message", id=file_id)
    link = ring.link()
    refused: list[str] = []
    for ref, (author, message_id, reader) in enumerate(
            (author, message_id, reader) for author in ("alice@s1", "carol@s1") for message_id in (*secrets, file_id)
            for reader in ("zoe", "carol", "alice", "bob")):
        link.send("chunkWanted", ref=ref, index=0, reader=reader, id=message_id, **{"from": author})
        refused.append(link.expect("chunk", ref=ref)["refusal"]["code"])
    link.send("chunkWanted", ref=999, index=0, reader="zoe", id=secrets[1], **{"from": "bob@s2"})
    told = expect_end_or_chunk(link)
    require(told == "not-for-us", f"a question about another server's file was told {told}")
    require(set(refused) == {"no-file"}, f"whoever may not have a file is told one thing: {set(refused)}")
    link = ring.link()
    # Whoever comes and goes is no news for it either.
    with RawClient(ring.s1).logged_in("carol"):
        pass
    sent = ring.say(alice, "public")
    while link.expect("envelope")["envelope"]["id"] != sent:
        pass
    pages = [told for told in link.heard if told["tag"] == "presence"]
    require(len(pages) > 0 and not any(page["people"] or page["keys"] for page in pages), f"it was told {pages}")
    private = [told for told in link.heard if told["tag"] == "envelope" and told["envelope"]["to"] != "public"]
    require(not private, f"private words went to s9: {private}")
    ring.settle()
    print(f"  {ring.audit()}; {len(refused)} questions for others' files, each answered with no-file", flush=True)


def expect_end_or_chunk(link: Link) -> str:
    """The code with which the node refuses, on the link or of the link."""
    try:
        return link.expect("chunk", ref=999)["refusal"]["code"]
    except Closed as closed:
        return closed.reason.split(":")[0]


@shows("security 37")
def scenario_nothing_that_is_said_makes_a_node_dial(play: Play) -> None:
    """A trap listens on loopback, and its address is named wherever something can be said. Nodes dial what setup.json names."""
    ring = Ring(play)
    with closing(socket.create_server(("127.0.0.1", 0))) as trap:
        port = trap.getsockname()[1]
        places = [f"127.0.0.1:{port}", f"localhost:{port}", f"[::1]:{port}", f"http://127.0.0.1:{port}/",
                  f"ws://127.0.0.1:{port}/", f"2130706433:{port}", f"0x7f.1:{port}", "localhost", "127.0.0.1", "10.0.0.1"]
        with ring.unharmed():
            for place in places:
                point_at(ring, place)
        dialled = dials(ring.s1)
        allowed = {ring.wire().proxies["s1"].port}
        require(dialled <= allowed, f"s1 has dialled {dialled - allowed} too")
        trap.setblocking(False)
        with suppress(BlockingIOError):
            raise AssertionError(f"somebody dialled the trap: {trap.accept()}")
    print(f"  {len(places)} places were named in every way; s1 has dialled {len(dialled)} port, that of s2", flush=True)


def point_at(ring: Ring, place: str) -> None:
    s1 = ring.s1
    for server in (place, f"{place}.s2"):
        with RawWebSocket(s1.link_port, "/") as stranger:
            stranger.send(frame(0x81, message("hello", version=1, to="s1", nonce="A" * 43 + "=", key=ring.peer.key_text,
                                              **{"from": server}).encode()))
            while (got := stranger.next_frame())[0] != 0x88:
                pass
            code = got[1][2:].partition(b":")[0]
            require(code in (b"bad-address", b"unknown-server"), f"a hello from {server} was told {got[1][2:]!r}")
    with Connection(s1.link_port) as stranger:
        stranger.send(opening(f"http://{place}/", f"Origin: http://{place}", f"Forwarded: host={place}", f"Referer: {place}"))
        stranger.read_until(b"\r\n\r\n")
    link = ring.link()
    link.envelope(1, words("zoe@s9", text=f"look at http://{place}/ and ws://{place}/"))
    link.envelope(2, words(f"zoe@{place}"))
    link.envelope(3, words("zoe@s9", to=f"bob@{place}"))
    link.send("redirect", address=place, server=place, mailing_address={"s2": place})
    expect_good_words(ring, link, 4)
    with RawClient(s1).logged_in("alice") as client:
        for line in ({"tag": "keys", "ref": 1, "of": f"bob@{place}"},
                     {"tag": "fetch", "ref": 1, "from": f"bob@{place}", "id": new_id(), "index": 0}):
            client.say(line)
            told = client.expect_any("refused")
            require(told["code"] in ("bad-address", "unknown-server"), f"{line} was told {told}")


def dials(node: Node) -> set[int]:
    """The ports at the other ends of the connections that the node has opened itself, on any address (proc(5), net/tcp)."""
    own: set[str] = set()
    folder = Path(f"/proc/{node.running().child.pid}")
    for entry in (folder / "fd").iterdir():
        with suppress(OSError):  # gone meanwhile
            own.add(str(entry.readlink()))
    ports = set()
    for table in ("tcp", "tcp6"):
        for row in (folder / "net" / table).read_text().splitlines()[1:]:
            columns: list[Any] = row.split()
            local, remote = (int(columns[at].rpartition(":")[2], 16) for at in (1, 2))
            if f"socket:[{columns[9]}]" in own and remote and local not in (node.client_port, node.link_port):
                ports.add(remote)
    return ports
