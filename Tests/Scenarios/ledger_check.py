"""Compares what people wrote, were told and were shown with what the nodes hold. Knows nothing of processes.

The promises are those of the protocol documents: what is accepted is on disk, nothing is lost, doubled, forged or overtaken by
a later word of its author, no gap is silent, and no state says what is not so.
"""
from __future__ import annotations

import json
import sqlite3
import uuid
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Iterator

Record = dict[str, Any]
# The people of a direct conversation, or everybody.
Place = frozenset[str]
EVERYONE: Place = frozenset({"public"})


@dataclass(frozen=True)
class Complaint:
    kind: str
    text: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.text}"


KINDS = ("lost", "doubled", "overtaken", "forged", "silent", "untruthful", "unsettled", "unreadable")


def place_of(author: str, to: str) -> Place:
    return EVERYONE if to == "public" else frozenset({author, to})


@dataclass(frozen=True)
class Entry:
    seq: int
    id: str
    author: str
    to: str
    # None if it is sealed.
    text: str | None


@dataclass
class History:
    """What one node holds, each conversation in its order."""

    places: dict[Place, list[Entry]] = field(default_factory=dict)

    def entries(self) -> Iterator[Entry]:
        for entries in self.places.values():
            yield from entries

    def holds(self, author: str, message_id: str) -> bool:
        return any(entry.id == message_id and entry.author == author for entry in self.entries())


def read_history(database: Path) -> History:
    history = History()
    with closing(sqlite3.connect(database)) as opened:
        rows = opened.execute("SELECT seq, sender, id, envelope FROM message ORDER BY conversation, seq").fetchall()
    for seq, sender, message_id, envelope in rows:
        said = json.loads(bytes(envelope))
        entry = Entry(seq, str(uuid.UUID(bytes=bytes(message_id))), sender, said["to"], said.get("text"))
        history.places.setdefault(place_of(sender, entry.to), []).append(entry)
    return history


@dataclass
class PutBack:
    """What a node had when its store was put back, and what the backup had."""

    former: History
    backup: History

    def forgotten(self) -> set[tuple[str, str]]:
        return keys_of(self.former) - keys_of(self.backup)


def keys_of(history: History) -> set[tuple[str, str]]:
    return {(entry.author, entry.id) for entry in history.entries()}


@dataclass
class Said:
    to: str
    text: str
    position: int
    # The offer of a file gets its place only when the file has been uploaded.
    is_offer: bool


@dataclass
class Reading:
    """How far somebody has read in what a node holds."""

    reader: str
    history: History
    reached: dict[Place, int] = field(default_factory=dict)
    covered: dict[Place, set[int]] = field(default_factory=dict)
    # In which run each place was shown last.
    runs_of: dict[tuple[Place, int], int] = field(default_factory=dict)

    def begin_after(self, former: Reading, backup: History) -> None:
        """As far as that reader had come, but not beyond the backup."""
        for place, reached in former.reached.items():
            self.reached[place] = min(reached, len(backup.places.get(place, [])))
            self.covered[place] = {seq for seq in former.covered.get(place, set()) if seq <= self.reached[place]}


class Check:
    def __init__(self, records: dict[str, list[Record]], histories: dict[str, History], liars: set[str],
                 put_back: dict[str, PutBack]):
        self.records = records
        self.histories = histories
        self.liars = liars
        self.put_back = put_back
        self.complaints: list[Complaint] = []
        self.said: dict[tuple[str, str], Said] = {}
        self.told: dict[tuple[str, str], list[str]] = {}
        for author, ledger in records.items():
            for position, record in enumerate(ledger):
                key = (author, record.get("id", ""))
                if record["kind"] == "say":
                    self.said[key] = Said(record["to"], record["text"], position, record["isOffer"])
                elif record["kind"] == "state":
                    self.told.setdefault(key, []).append(record["state"])
        self.ids = {server: keys_of(history) for server, history in histories.items()}
        self.reported = {key for server, each in put_back.items() for key in each.forgotten() if self.is_reported(server, *key)}

    def is_reported(self, server: str, author: str, message_id: str) -> bool:
        """Whether the author knew of its delivery before being told that the own node had lost its last words. What was only
        accepted by then is not given up: the author's client sends it again."""
        own = author.partition("@")[2]
        for record in self.records.get(author, []):
            if record["kind"] == "run" and record.get("wentBack"):
                return False
            if record["kind"] == "state" and (record["id"], record["state"]) == (message_id, "delivered"):
                return own == server
        return False

    def complain(self, kind: str, text: str) -> None:
        self.complaints.append(Complaint(kind, text))

    def is_liar(self, address: str) -> bool:
        return address.partition("@")[2] in self.liars

    def run(self) -> list[Complaint]:
        for server, history in self.histories.items():
            for place, entries in history.places.items():
                self.check_order(server, place, entries)
        for key, said in self.said.items():
            self.check_message(*key, said)
        for reader, ledger in self.records.items():
            self.check_reader(reader, ledger)
        return self.complaints

    def check_order(self, server: str, place: Place, entries: list[Entry]) -> None:
        where = f"{server} in {'/'.join(sorted(place))}"
        seen: set[tuple[str, str]] = set()
        last_of: dict[str, int] = {}
        for index, entry in enumerate(entries):
            key = (entry.author, entry.id)
            if entry.seq != index + 1:
                self.complain("lost", f"{where} has {entry.seq} at place {index + 1}")
            if key in seen:
                self.complain("doubled", f"{where} has {entry.id} twice")
            seen.add(key)
            if self.is_liar(entry.author):
                continue
            said = self.said.get(key)
            if said is None or said.to != entry.to or entry.text not in (None, said.text):
                self.complain("forged", f"{where} has {entry.id} of {entry.author}, who did not say that")
                continue
            if said.is_offer:
                continue
            if said.position < last_of.get(entry.author, -1):
                self.complain("overtaken", f"{where} has {entry.id} of {entry.author} behind a later one")
            last_of[entry.author] = said.position

    def check_message(self, author: str, message_id: str, said: Said) -> None:
        """What was said of one message, and what became of it."""
        own = author.partition("@")[2]
        others = set(self.histories) if said.to == "public" else {said.to.partition("@")[2]}
        others = {server for server in others & set(self.histories) if server != own}
        states = self.told.get((author, message_id), [])
        holders = {server for server in others | {own} if (author, message_id) in self.ids.get(server, set())}
        what = f"{message_id} of {author} to {said.to}"
        is_reported = (author, message_id) in self.reported
        if {"accepted", "delivered"} & set(states) and own not in holders and not is_reported:
            self.complain("lost", f"{what} was accepted and is not at {own}")
        has_failed = "failed" in states
        if has_failed and "delivered" in states:
            self.complain("untruthful", f"{what} was told as delivered and as failed")
        for server in others:
            if "delivered" in states and server not in holders:
                self.complain("untruthful", f"{what} was delivered and is not at {server}")
            elif "accepted" in states and not has_failed and server not in holders:
                self.complain("lost", f"{what} was accepted and did not reach {server}")
            if has_failed and server in holders:
                self.complain("untruthful", f"{what} failed and is at {server}")
        is_to_liar = said.to.partition("@")[2] in self.liars or (said.to == "public" and self.liars)
        if not is_to_liar and (not states or states[-1] not in ("delivered", "failed")):
            self.complain("unsettled", f"{what} ended as {states[-1:] or 'nothing'}")

    def check_reader(self, reader: str, ledger: list[Record]) -> None:
        """Each run in order and without a silent hole; over all runs, nothing left out."""
        server = reader.partition("@")[2]
        if server not in self.histories:
            return
        reading = Reading(reader, self.histories[server])
        put_back = self.put_back.get(server)
        at = next((index for index, record in enumerate(ledger) if record.get("wentBack")), None)
        if put_back is not None and at is not None:
            # What was shown until then is measured by what the node had then; after it all goes on from the backup.
            former = Reading(reader, put_back.former)
            self.read(former, ledger[:at])
            ledger = ledger[at:]
            reading.begin_after(former, put_back.backup)
        self.read(reading, ledger)
        for place, entries in reading.history.places.items():
            if place != EVERYONE and reader not in place:
                continue
            # A liar's last words may still be on their way; those before another's would be a hole, found above.
            missing = [entry.seq for entry in entries
                       if entry.seq not in reading.covered.get(place, set()) and not self.is_liar(entry.author)]
            if missing:
                self.complain("silent", f"{reader} was never shown {missing[:5]} of {'/'.join(sorted(place))}")

    def read(self, reading: Reading, ledger: list[Record]) -> None:
        reader, reached, covered, runs_of = reading.reader, reading.reached, reading.covered, reading.runs_of
        for record in ledger:
            if record["kind"] == "gap":
                place = place_of(reader, record["conversation"])
                covered.setdefault(place, set()).update(range(record["low"], record["high"] + 1))
                reached[place] = max(reached.get(place, 0), record["high"])
            if record["kind"] != "shown":
                continue
            place, seq = place_of(reader, record["conversation"]), record["seq"]
            what = f"{reader} was shown {seq} of {record['conversation']}"
            if runs_of.get((place, seq)) == record["run"]:
                self.complain("doubled", f"{what} twice in one run")
            elif seq > reached.get(place, 0) + 1:
                self.complain("silent", f"{what} behind {reached.get(place, 0)}")
            elif seq <= reached.get(place, 0) and self.is_later_run(runs_of, place, seq, record["run"]):
                self.complain("overtaken", f"{what} after {reached[place]}")
            runs_of[place, seq] = record["run"]
            reached[place] = max(reached.get(place, 0), seq)
            covered.setdefault(place, set()).add(seq)
            self.check_shown(reader, record, reading.history.places.get(place, []))

    def is_later_run(self, runs_of: dict[tuple[Place, int], int], place: Place, seq: int, run: int) -> bool:
        """Whether this run has shown a later one already. An earlier run may have; its last words come again."""
        return any(known == run and other > seq for (where, other), known in runs_of.items() if where == place)

    def check_shown(self, reader: str, record: Record, entries: list[Entry]) -> None:
        author, message_id = record["from"], record["id"]
        what = f"{reader} was shown {message_id} of {author}"
        at = entries[record["seq"] - 1] if record["seq"] <= len(entries) else None
        if at is None or (at.author, at.id) != (author, message_id):
            self.complain("forged", f"{what} at {record['seq']}, where the node has another")
        if self.is_liar(author):
            return
        said = self.said.get((author, message_id))
        if record["text"] is None:
            self.complain("unreadable", f"{what}, which cannot be read")
        elif said is None or said.text != record["text"]:
            self.complain("forged", f"{what}, who did not say that")


def check(records: dict[str, list[Record]], histories: dict[str, History], liars: set[str],
          put_back: dict[str, PutBack] | None = None) -> list[Complaint]:
    """All that is wrong, once every message has had the time to arrive."""
    return Check(records, histories, liars, put_back or {}).run()
