"""Servers with people who talk, a `Wire` between each two of them, and books on all of it."""
from __future__ import annotations

import itertools
import random
import time
from typing import Any, Callable

from fault_proxy import Wire
from harness import PEOPLE, Client, Node, Play, new_id, require
from ledger import Books, Figures

# Of those who talk, some to everybody, the others to one.
PUBLIC_SHARE = 1 / 3


class Town:
    def __init__(self, play: Play, people: dict[str, tuple[str, ...]] = PEOPLE, transport: str = "ws",
                 **setup: Any):
        self.play = play
        self.chance = random.Random(play.seed)
        self.wires = {frozenset(pair): Wire(play, *pair) for pair in itertools.combinations(people, 2)}
        entries = {pair: wire.entry(transport) for pair, wire in self.wires.items()}

        def entry(dialler: str, acceptor: str, port: int) -> str:
            return entries[frozenset((dialler, acceptor))](dialler, acceptor, port)

        self.nodes: list[Node] = play.servers(people, entry, **setup)
        self.books = Books(play, people)
        self.clients = {address: play.client(address) for address in self.books.ledgers}
        for client in self.clients.values():
            for other in self.clients:
                client.expect_online(other)

    def wire(self, one: str = "s1", other: str = "s2") -> Wire:
        return self.wires[frozenset((one, other))]

    def __getitem__(self, user: str) -> Client:
        return next(client for address, client in self.clients.items() if address.startswith(user + "@"))

    def say(self, author: Client, to: str, text: str = "") -> str:
        number = len(self.books.ledgers[author.name].said)
        return author.send(to, text or f"{author.name} says {number} to {to}", new_id())

    def burst(self, count: int) -> list[str]:
        """Each says that many things to whomever, and waits for nothing."""
        ids = []
        for _ in range(count):
            for author in self.clients.values():
                others = [address for address in self.clients if address != author.name]
                is_public = self.chance.random() < PUBLIC_SHARE
                ids.append(self.say(author, "public" if is_public else self.chance.choice(others)))
        return ids

    def told(self, state: str) -> int:
        return sum(len(ledger.told.get(state, ())) for ledger in self.books.ledgers.values())

    def has_accepted(self, ids: list[str]) -> bool:
        """Whether all of them are accepted, or more."""
        told = [ledger.told.get(state, set()) for ledger in self.books.ledgers.values() for state in ("accepted", "delivered")]
        return all(any(each in among for among in told) for each in ids)

    def wait(self, holds: Callable[[], Any], what: str, within: float = 45.0) -> Any:
        """Looks again whenever anything happens anywhere."""
        deadline = time.monotonic() + within
        with self.play.changed:
            while not (found := holds()):
                remaining = deadline - time.monotonic()
                require(remaining > 0, f"waited {within:.0f} s for: {what}")
                self.play.changed.wait(remaining)
            return found

    def settle(self, within: float = 60.0) -> float:
        return self.books.settle(within)

    def audit(self) -> Figures:
        return self.books.audit(*self.nodes)

    def seconds_to_show(self, author: str, reader: str, since: int = 0) -> list[float]:
        """How long each message took from the author's typing to the reader's screen, in the order of typing."""
        typed: dict[str, int] = {}
        taken: list[float] = []
        shown: dict[str, int] = {}
        for record in self.books.ledgers[author].records()[since:]:
            if record["kind"] == "say":
                typed[record["id"]] = record["at"]
        for record in self.books.ledgers[reader].records():
            if record["kind"] == "shown":
                shown.setdefault(record["id"], record["at"])
        for message_id, at in typed.items():
            if message_id in shown:
                taken.append((shown[message_id] - at) / 1e9)
        return taken


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
