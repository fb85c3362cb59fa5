"""Three servers know each other, and one is hostile: row 25 of the fault matrix, and rows of Docs/security.md.

The books show that nobody was lied to about people of the other two; memory and the pace of neighbours are measured.
"""
from __future__ import annotations

import time
from collections import Counter
from contextlib import contextmanager
from typing import Callable, Iterator

from attack import Memory
from harness import Node, Play, new_id, require, shows
from hostile import (
    DEVICES_MAX, KEY_BYTES_MAX, Hostile, crowd, expect_end, message, places, pour, pour_pings, reflect, refusals,
    require_refused, sealed, words,
)
from scenario_link_attacks import pinging
from peer import REFUSAL_CLOSE_CODE, Link
from town import Town, percentile

# What a node may need above what it had while a known server attacks it, and how long neighbours wait meanwhile.
CEILING_KIB = 64 << 10
NEIGHBOUR_SECONDS_MAX = 3.0
GOOD_SECONDS_MAX = 1.0
FLOOD = 20_000
LOG_LINES_PER_LINK = 8


class Ring(Town):
    """s1 and s2 with their people, and s9, which is linked with both."""

    def __init__(self, play: Play, **entry: str):
        self.peer = play.closing.enter_context(Hostile("s9", "s1"))
        self.other = play.closing.enter_context(Hostile("s9", "s2", self.peer.key))
        super().__init__(play, others={"s9": {"key": self.peer.key_text} | entry})
        self.books.liars.add("s9")

    @property
    def s1(self) -> Node:
        return self.nodes[0]

    def link(self) -> Link:
        return self.peer.linked(self.s1.link_port)

    def public_count(self) -> int:
        return sum(to == "public" for ledger in self.books.ledgers.values() for to in ledger.said.values())

    def require_no_transit(self) -> None:
        """Between the two goes what their own people said, once, and nothing of what s9 said."""
        for source, target in (("s1", "s2"), ("s2", "s1")):
            own = sum(to == "public" or to.endswith("@" + target) for address, ledger in self.books.ledgers.items()
                      if address.endswith("@" + source) for to in ledger.said.values())
            passed = self.wire().passed[source, "envelope"]
            require(passed == own, f"{passed} envelopes went from {source} to {target}, its people said {own}")

    @contextmanager
    def unharmed(self) -> Iterator[None]:
        """The people of s1 and s2 talk while it goes on and after it; all that they say arrives, and s1 stays small."""
        memory = Memory(self.s1.running())
        with pinging(self.s1) as neighbour:
            neighbour.expect_more(1)
            self.burst(2)
            yield
            self.burst(2)
        self.settle(within=30)
        print(f"  {self.audit()}; s1 took {memory.above_idle_kib() >> 10} MiB more and answered neighbours within "
              f"{percentile(neighbour.seconds, 0.99) * 1000:.0f} ms (p99)", flush=True)
        memory.require_below(CEILING_KIB)
        require(max(neighbour.seconds) <= NEIGHBOUR_SECONDS_MAX, f"a neighbour waited {max(neighbour.seconds):.2f} s")
        for client in self.clients.values():
            require(not client.all("disconnected"), f"{client.name} lost the connection: {client.all('disconnected')}")


def expect_good_words(ring: Ring, link: Link, seq: int) -> None:
    """Nothing that came before holds up a good message of the same server."""
    good = words("zoe@s9")
    sent = time.monotonic()
    link.envelope(seq, good)
    ring["alice"].expect("message", id=good["id"])
    require(time.monotonic() - sent <= GOOD_SECONDS_MAX, "a good message waited behind bad ones")


@shows("fault 25", "security 28", "security 30")
def scenario_forged_and_replayed_words_go_nowhere(play: Play) -> None:
    """Other people's names, other servers' names, names of no form; everything said once more."""
    ring = Ring(play)
    alice, bob = ring["alice"], ring["bob"]
    with ring.unharmed():
        link = ring.link()
        cases = [
            (words("alice@s1"), "forged-from"), (words("bob@s2"), "forged-from"), (words("mallory@s8"), "forged-from"),
            (words("zoe@s9."), "forged-from"), (words("zoe@s9.s1"), "forged-from"), (words("Zoe@s9"), "bad-address"),
            (words("zoe@S9"), "bad-address"), (words("@s9"), "bad-address"), (words("zoe"), "bad-address"),
            (words("zoe@s9@s1"), "bad-address"), (words("public@s9"), "bad-address"), (words("z\u200boe@s9"), "bad-address"),
            (sealed("zoe@s9", "bob@s2"), "not-for-us"), (sealed("zoe@s9", "nobody@s1"), "unknown-user"),
            (sealed("bob@s2", "alice@s1"), "forged-from"), (words("zoe@s9", "alice@s1"), "not-sealed"),
        ]
        for seq, (envelope, code) in enumerate(cases, 1):
            require_refused(link, seq, envelope, code)
        seq = len(cases) + 1
        expect_good_words(ring, link, seq)

        # What others said comes back to them, and to their neighbours.
        said = ring.say(alice, "public", "said once")
        heard = link.expect("envelope")["envelope"]
        while heard["id"] != said:
            heard = link.expect("envelope")["envelope"]
        require_refused(link, seq + 1, heard, "forged-from")
        other = ring.other.linked(ring.nodes[1].link_port)
        require_refused(other, 1, heard, "forged-from")

        # Its own words again: in another place, with other words, on another link, in another epoch, after a restart.
        own = words("zoe@s9", text="mine, once")
        link.envelope(seq + 2, own)
        alice.expect("message", id=own["id"])
        link.envelope(seq + 3, own)
        require(refusals(link, seq + 3) == [], "a repeat is taken and not shown")
        require_refused(link, seq + 4, own | {"text": "mine, twice"}, "id-reused")
        again = ring.link()
        again.envelope(1, own)
        require(refusals(again, 1) == [], "a repeat is taken and not shown")
    mark = alice.mark()
    ring.s1.kill()
    ring.s1.restart()
    alice.expect("connected", mark)
    again = ring.link()
    again.envelope(1, own)
    again.envelope(2, heard)
    require(refusals(again, 2) == ["forged-from"], "a restart makes nobody's words another's")
    expect_good_words(ring, again, 3)
    ring.settle(within=30)
    ring.audit()
    require(len([event for event in alice.all("message", id=own["id"])]) == 1, "it was shown once")
    require(bob.find("message", id=own["id"]) is None, "nothing of s9 was passed on")


@shows("security 30")
def scenario_a_recorded_opening_opens_nothing(play: Play) -> None:
    """Hello and proof of an earlier link, played again."""
    ring = Ring(play)
    link = ring.link()
    proof = link.proof()
    link.close()
    thief = ring.peer.dial(ring.s1.link_port)
    thief.send("hello", **link.own_hello)
    thief.expect("hello")
    thief.send("proof", signature=proof)
    thief.expect_refusal("proof-failed")


@shows("fault 25")
def scenario_lies_about_what_was_received_end_the_link(play: Play) -> None:
    """Acknowledgements of what was never sent, out of order, of other streams; answers that nobody asked for."""
    ring = Ring(play)
    with ring.unharmed():
        for refused, code in (
            ([], "out-of-order"),
            ([{"seq": 5, "code": "unknown-user", "text": "x"}, {"seq": 4, "code": "unknown-user", "text": "x"}], "out-of-order"),
        ):
            link = ring.link()
            link.send("acknowledgement", through=10**12, refused=refused)
            link.expect_refusal(code)
        link = ring.link()
        for tag, members in (
            ("keys", {"ref": 7, "user": "bob", "devices": []}), ("chunk", {"ref": 8, "data": "q6s="}),
            ("outcomeKept", {"ref": 9}),
        ):
            link.send(tag, **members)
        expect_good_words(ring, link, 1)
        # What it confirms at once, and refuses, it says about its own people; a public message has other readers.
        said = ring.say(ring["alice"], "public", "to all of you")
        seq = link.expect("envelope")["seq"]
        while (told := ring["bob"].find("message", id=said)) is None:
            ring["bob"].expect("message", id=said)
        link.send("acknowledgement", through=seq, refused=[{"seq": seq, "code": "unknown-user", "text": "nobody has it"}])
        require(told["text"] == "to all of you", "bob reads what s9 says nobody has")
    require("failed" not in ring["alice"].course(said), "a public message has not failed because one server says so")


@shows("fault 25")
def scenario_a_lie_about_what_our_store_had_costs_nobody_a_message(play: Play) -> None:
    """s9 remembers more of s1's stream than there ever was, as a server would after s1 was put back from a backup.
    That is believed once in the life of a process: people are told, and shown everything again; nothing is lost or forged."""
    ring = Ring(play)
    ring.burst(3)
    ring.settle()
    for number in range(2):
        link = ring.peer.dial(ring.s1.link_port)
        link.hello()
        link.expect_hello()
        link.expect_proof()
        link.send("proof", signature=link.proof())
        epoch = link.expect("resume")["epoch"]
        ring.burst(3)
        link.send("resume", epoch=ring.peer.epoch, first=1, received={"epoch": epoch, "through": 10**9})
        ended = expect_end(link)
        code = ("restored", "out-of-order")[number]
        require(ended.reason.startswith(f"{code}: "), f"lie {number + 1} {ended}")
        ring.settle()
        ring.burst(3)
        ring.settle()
    print(f"  {ring.audit()}", flush=True)


@shows("fault 25", "security 35")
def scenario_a_crowd_of_claims_is_bounded(play: Play) -> None:
    """Crowds, the most and the largest keys, pages without end, questions without end."""
    ring = Ring(play)
    for name, claims, code in (
        ("10,001 people", crowd("s9", 10_001, 0, 0), "too-many-people"),
        ("the largest keys", crowd("s9", 10_000, DEVICES_MAX, KEY_BYTES_MAX), "too-many-devices"),
        ("seventeen devices", crowd("s9", 1, DEVICES_MAX + 1, 300), "too-long"),
    ):
        with ring.unharmed():
            link = ring.link()
            poured = pour(link, claims)
            ended = expect_end(link)
            print(f"  {name}: {poured} pages, then {ended.reason}", flush=True)
            require((ended.code, ended.reason.split(":")[0]) == (REFUSAL_CLOSE_CODE, code), f"it {ended}")
    with ring.unharmed():
        link = ring.link()
        pour(link, (message("keysWanted", ref=ref, user="alice") for ref in range(1000)))
        for _ in range(1000):
            link.expect("keys")
        pour(link, (message("chunkWanted", ref=ref, index=0, reader="zoe", **{"from": "alice@s1", "id": new_id()})
                    for ref in range(1000)))
        codes = Counter(link.expect("chunk")["refusal"]["code"] for _ in range(1000))
        print(f"  1,000 questions for chunks: {dict(codes)}", flush=True)
        require(set(codes) <= {"busy", "no-file"}, "each is answered by name")
        expect_good_words(ring, link, 1)


@shows("fault 25", "security 33", "security 35", "security 36")
def scenario_floods_cost_neighbours_little(play: Play) -> None:
    """Each flood as fast as one connection carries it."""
    ring = Ring(play)
    flips = ([{"address": f"p{number}@s9", "status": status, "devices": []} for number in range(200)]
             for status in ("online", "offline") * 500)
    floods: dict[str, Callable[[Link], object]] = {
        "pings": lambda link: pour_pings(link, FLOOD),
        "unknown tags": lambda link: pour(link, (message("gossip", text="x" * 100) for _ in range(FLOOD))),
        "acknowledgements": lambda link: pour(link, (message("acknowledgement", through=0, refused=[]) for _ in range(FLOOD))),
        "forged words": lambda link: pour(link, places(1, (words("bob@s2") for _ in range(FLOOD)))),
        "public words": lambda link: pour(link, places(1, (words("zoe@s9") for _ in range(FLOOD // 20)))),
        "words to alice": lambda link: pour(link, places(1, (
            sealed(f"p{number % 100}@s9", "alice@s1") for number in range(FLOOD // 20)))),
        "presence": lambda link: pour(link, (message(
            "presence", version=version, kind="snapshot" if version == 1 else "delta", isFirst=True, isLast=True,
            people=people, keys=[]) for version, people in enumerate(flips, 1))),
        "reflection": lambda link: reflect(link, seconds=2.0),
        "openings": lambda _: [ring.link().close() for _ in range(100)],
    }
    for name, flood in floods.items():
        began = time.monotonic()
        with ring.unharmed():
            lines = len(ring.s1.log)
            link = ring.link()
            result = flood(link)
            written = len(ring.s1.log) - lines
            print(f"  {name}: {time.monotonic() - began:.1f} s, {result if isinstance(result, int) else 'all'}, "
                  f"{written} lines of log", flush=True)
            links = len(result) if isinstance(result, list) else 1
            require(written <= LOG_LINES_PER_LINK * links, f"{name} wrote {written} lines into the log")
    ring.require_no_transit()
