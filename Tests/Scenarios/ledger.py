"""Books on what people said, were told and were shown, kept while it happens and outside of the programs under test.

Each person has a ledger, a file that only grows, over all runs of their client. When all is quiet again `Books.audit`
compares the ledgers with what the nodes hold; see ledger_check.py. Say everything that counts after the clients have started.
"""
from __future__ import annotations

import json
import shutil
import sqlite3
import threading
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness import Client, Event, Failed, Node, Play, require
from ledger_check import History, PutBack, check, read_history

Record = dict[str, Any]

ENDS = ("delivered", "failed")
COMPLAINTS_SHOWN_MAX = 12


def offered(name: str) -> str:
    """How the offer of a file stands in the books."""
    return f"[file] {name}"


class Ledger:
    """One person's. Every record is on its way to the disk before the play goes on."""

    def __init__(self, books: Books, address: str, folder: Path):
        self.books = books
        self.address = address
        self.file = (folder / f"{address}.jsonl").open("a")
        self.run = 0
        # To whom, by id.
        self.said: dict[str, str] = {}
        # States that were told, by state.
        self.told: dict[str, set[str]] = {}
        # Messages whose end we do not know, and those that we were not shown yet.
        self.open: set[str] = set()
        self.unseen: set[str] = set()
        # What comes again when the node has told that its store was put back.
        self.again: set[str] = set()

    def write(self, kind: str, **members: Any) -> None:
        self.file.write(json.dumps({"kind": kind, "at": time.monotonic_ns()} | members) + "\n")
        self.file.flush()

    def records(self) -> list[Record]:
        return [json.loads(line) for line in Path(self.file.name).read_text().splitlines()]


@dataclass
class Figures:
    said: int
    delivered: int
    shown: int
    runs: int

    def __str__(self) -> str:
        return f"{self.said} said, {self.delivered} delivered, {self.shown} shown in {self.runs} runs of clients"


class BookedClient(Client):
    """A client whose every word goes into its person's ledger."""

    def __init__(self, ledger: Ledger, *arguments: Any):
        self.ledger = ledger
        self.begin()
        super().__init__(*arguments)

    def begin(self, went_back: bool = False) -> None:
        """Within one run each message is shown once."""
        self.ledger.run += 1
        self.run = self.ledger.run
        self.ledger.write("run", run=self.run, wentBack=went_back)

    def say(self, command: Event) -> None:
        if command["do"] in ("message", "file"):
            self.ledger.books.saying(self.ledger, command)
        super().say(command)

    def take(self, line: str) -> None:
        super().take(line)
        if self.events[-1].get("code") == "node-went-back":
            # The person is told that what follows begins anew.
            self.begin(went_back=True)
            self.ledger.books.went_back(self.ledger)
        self.ledger.books.told(self.ledger, self.run, self.events[-1])


class Books:
    def __init__(self, play: Play, people: dict[str, tuple[str, ...]]):
        self.play = play
        self.folder = play.folder / "ledgers"
        self.folder.mkdir()
        self.lock = threading.Lock()
        # Whose word is worth nothing: no claim about what they say or hold.
        self.liars: set[str] = set()
        self.put_back: dict[str, PutBack] = {}
        self.ledgers = {
            address: Ledger(self, address, self.folder)
            for server, users in people.items() for address in (f"{user}@{server}" for user in users)
        }
        play.make_client = self.make_client
        play.closing.callback(self.close)

    def close(self) -> None:
        for ledger in self.ledgers.values():
            ledger.file.close()

    def make_client(self, name: str, command: list[str | Path], *rest: Any) -> Client:
        address = next(str(word) for word in command if str(word) in self.ledgers)
        return BookedClient(self.ledgers[address], name, command, *rest)

    # What happens

    def readers(self, author: str, to: str) -> list[Ledger]:
        return [ledger for address, ledger in self.ledgers.items() if to == "public" or address in (author, to)]

    def saying(self, ledger: Ledger, command: Event) -> None:
        with self.lock:
            is_offer = command["do"] == "file"
            text = offered(Path(command["path"]).name) if is_offer else command["text"]
            ledger.write("say", id=command["id"], to=command["to"], text=text, isOffer=is_offer)
            ledger.said[command["id"]] = command["to"]
            # A liar among those who get it may never confirm it.
            if command["to"] != "public" or not self.liars:
                ledger.open.add(command["id"])
            for reader in self.readers(ledger.address, command["to"]):
                reader.unseen.add(command["id"])

    def told(self, ledger: Ledger, run: int, event: Event) -> None:
        """What a client says of messages; called by the thread that reads from it."""
        kind = event.get("event")
        with self.lock:
            if ledger.file.closed:
                return
            if kind == "state":
                ledger.write("state", run=run, id=event["id"], state=event["state"], reason=event.get("reason"))
                ledger.told.setdefault(event["state"], set()).add(event["id"])
                if event["state"] in ENDS:
                    ledger.open.discard(event["id"])
                if event["state"] == "failed":
                    for reader in self.ledgers.values():
                        reader.unseen.discard(event["id"])
            elif kind == "message" and not event.get("history"):
                names = ("conversation", "seq", "id", "from", "to")
                text = event.get("text", offered(event["file"]["name"]) if event.get("file") else None)
                ledger.write("shown", run=run, text=text, **{name: event.get(name) for name in names})
                ledger.unseen.discard(event["id"])
            elif kind == "gap" and "ref" not in event:
                ledger.write("gap", run=run, conversation=event["conversation"], low=event["from"], high=event["to"])

    def putting_back(self, node: Node, backup: Path) -> None:
        """Call it when `node` has ended, before its store is put back; once in a play."""
        put_back = self.put_back[node.name] = PutBack(self.history(node), read_history(backup))
        here = "@" + node.name
        with self.lock:
            for ledger in self.ledgers.values():
                if ledger.address.endswith(here):
                    ledger.again = {
                        entry.id for entry in put_back.former.entries()
                        if (entry.author, entry.id) in put_back.forgotten() and not entry.author.endswith(here)
                        and entry.to in ("public", ledger.address)}

    def went_back(self, ledger: Ledger) -> None:
        server = ledger.address.partition("@")[2]
        with self.lock:
            # What its author knew to be delivered nobody says again: who was to be shown it when the node went down is not.
            for author, message_id in self.put_back[server].forgotten() if server in self.put_back else ():
                home = self.ledgers.get(author)
                if author.endswith("@" + server) and home and message_id in home.told.get("delivered", ()):
                    ledger.unseen.discard(message_id)
            ledger.unseen |= ledger.again
            ledger.again = set()

    # What must hold

    def settled(self) -> bool:
        with self.lock:
            return not any(ledger.open or ledger.unseen or ledger.again for ledger in self.ledgers.values())

    def settle(self, within: float) -> float:
        """Waits until every message has reached its end and its readers; returns how long that took."""
        started = time.monotonic()
        with self.play.changed:
            while not self.settled():
                remaining = started + within - time.monotonic()
                if remaining <= 0:
                    raise Failed(f"not settled within {within:.0f} s: {self.unsettled()}")
                self.play.changed.wait(remaining)
        return time.monotonic() - started

    def unsettled(self) -> str:
        with self.lock:
            counts = {address: (len(ledger.open), len(ledger.unseen | ledger.again)) for address, ledger in self.ledgers.items()}
        return ", ".join(f"{address} waits for the end of {ends} and to be shown {unseen}"
                         for address, (ends, unseen) in counts.items() if ends or unseen)

    def require_kept(self, node: Node) -> None:
        """What people were told is on the disk of `node`, which has just been killed, was on it."""
        here = "@" + node.name
        with self.lock:
            held: set[str] = set()
            for address, ledger in self.ledgers.items():
                delivered = ledger.told.get("delivered", set())
                if address.endswith(here):
                    held |= delivered | ledger.told.get("accepted", set())
                held |= {each for each in delivered if ledger.said[each] == "public" or ledger.said[each].endswith(here)}
        missing = held - {entry.id for entry in self.history(node).entries()}
        require(not missing, f"{len(missing)} messages were told to be on the disk of {node.name} and are not: "
                f"{sorted(missing)[:3]}")

    def history(self, node: Node) -> History:
        """What lies on its disk. A dead node's files are copied first, so that it finds them as it left them."""
        copy = self.folder / f"{node.name}-{time.monotonic_ns()}"
        copy.mkdir()
        try:
            if node.running().is_running:
                with closing(sqlite3.connect(node.database(), timeout=10)) as source:
                    with closing(sqlite3.connect(copy / "node.db")) as target:
                        source.backup(target)
            else:
                for file in node.database().parent.glob("node.db*"):
                    shutil.copy(file, copy)
            return read_history(copy / "node.db")
        finally:
            shutil.rmtree(copy)

    def audit(self, *nodes: Node) -> Figures:
        """Fails unless ledgers and nodes agree. Call it when all is settled."""
        records = {address: ledger.records() for address, ledger in self.ledgers.items()}
        complaints = check(records, {node.name: self.history(node) for node in nodes}, self.liars, self.put_back)
        shown = "\n  ".join(map(str, complaints[:COMPLAINTS_SHOWN_MAX]))
        require(not complaints, f"the books show {len(complaints)} faults:\n  {shown}")
        every = [record for ledger in records.values() for record in ledger]
        return Figures(
            said=sum(record["kind"] == "say" for record in every),
            delivered=len({record["id"] for record in every if record.get("state") == "delivered"}),
            shown=sum(record["kind"] == "shown" for record in every),
            runs=sum(record["kind"] == "run" for record in every))
