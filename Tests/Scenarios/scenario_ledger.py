"""The ledger checker finds every kind of damage that is planted, and nothing where there is none."""
from __future__ import annotations

import copy
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Callable

from harness import PEOPLE, Failed, Node, Play, require
from ledger import Books
from ledger_check import EVERYONE, KINDS, Entry, History, PutBack, Record, check, place_of, read_history

Records = dict[str, list[Record]]
Histories = dict[str, History]
ALICE, BOB = "alice@s1", "bob@s2"


def scenario_planted_damage_is_found(play: Play) -> None:
    s1, s2 = play.pair()
    books = Books(play, PEOPLE)
    alice, carol, bob, dave = play.four()
    for number in range(4):
        for author, to in ((alice, BOB), (bob, ALICE), (carol, "public"), (alice, "public")):
            author.send(to, f"{author.name} says {number}")
    books.settle(within=45)
    print(f"  {books.audit(s1, s2)}", flush=True)
    records = {address: ledger.records() for address, ledger in books.ledgers.items()}
    files = {node.name: backup(node, play.folder / f"{node.name}.db") for node in (s1, s2)}
    histories = {name: read_history(file) for name, file in files.items()}
    require(not check(records, histories, set()), "the copies are sound")
    found: set[str] = set()
    for kind, harm in PLANTS:
        harmed_records, harmed_histories = copy.deepcopy(records), copy.deepcopy(histories)
        harm(harmed_records, harmed_histories)
        kinds = {complaint.kind for complaint in check(harmed_records, harmed_histories, set())}
        require(kind in kinds, f"{harm.__name__} was to be found as {kind}, found {kinds or 'nothing'}")
        found.add(kind)
    for kind, server, statement in PLANTS_ON_DISK:
        harmed_histories = histories | {server: damaged(files[server], statement)}
        kinds = {complaint.kind for complaint in check(records, harmed_histories, set())}
        require(kind in kinds, f"{statement} was to be found as {kind}, found {kinds or 'nothing'}")
    require(found == set(KINDS), f"every kind was planted, but for {set(KINDS) - found}")


def scenario_an_accepted_message_that_is_not_on_disk_is_found(play: Play) -> None:
    """The check at the moment of a kill: a node that told more than it kept."""
    s1, s2 = play.pair()
    books = Books(play, PEOPLE)
    alice, _, bob, _ = play.four()
    sent = alice.send(bob.name, "kept?")
    alice.expect("state", id=sent, state="delivered")
    for node in (s1, s2):
        node.kill()
        books.require_kept(node)
        with closing(sqlite3.connect(node.database())) as database, database:
            database.execute("PRAGMA foreign_keys = OFF")
            database.execute("DELETE FROM message")
        try:
            books.require_kept(node)
        except Failed:
            continue
        raise Failed(f"{node.name} lost what it had told, and nobody noticed")


def scenario_what_a_backup_may_forget_is_told_apart(_: Play) -> None:
    """alice knew of the first's delivery when her node went back; the second was only accepted, and her client has to send it
    again."""
    ids = ["017f22e2-79b0-7cc3-98c4-dc0c0c07398f", "017f22e2-79b0-7cc3-98c4-dc0c0c073990"]
    entries = [Entry(place, each, ALICE, BOB, None) for place, each in enumerate(ids, 1)]
    told: list[Record] = [{"kind": "say", "id": each, "to": BOB, "text": each, "isOffer": False} for each in ids]
    told += [{"kind": "state", "id": ids[0], "state": "delivered"}, {"kind": "state", "id": ids[1], "state": "accepted"},
             {"kind": "run", "run": 2, "wentBack": True}, {"kind": "state", "id": ids[1], "state": "delivered"}]
    place = place_of(ALICE, BOB)
    put_back = {"s1": PutBack(History({place: entries}), History())}
    shown: list[Record] = [{"kind": "shown", "run": 2, "conversation": BOB, "seq": 1, "id": ids[1], "from": ALICE, "text": ids[1]}]
    there = {"s1": History({place: [replace(entries[1], seq=1)]}), "s2": History({place: entries})}
    found = check({ALICE: told + shown}, there, set(), put_back)
    require(not found, f"what was delivered may be forgotten: {found}")
    found = check({ALICE: told}, there | {"s1": History()}, set(), put_back)
    require([complaint.kind for complaint in found] == ["lost"] and ids[1] in found[0].text, f"one is lost, found {found}")
    found = check({ALICE: told + shown}, there, set())
    require("lost" in {complaint.kind for complaint in found}, "without a backup nothing may be forgotten")


def backup(node: Node, file: Path) -> Path:
    with closing(sqlite3.connect(node.database())) as source, closing(sqlite3.connect(file)) as target:
        source.backup(target)
    return file


def damaged(file: Path, statement: str) -> History:
    harmed = file.with_suffix(".harmed")
    harmed.write_bytes(file.read_bytes())
    with closing(sqlite3.connect(harmed)) as database, database:
        database.execute("PRAGMA foreign_keys = OFF")
        for part in statement.split(";"):
            require(database.execute(part).rowcount > 0, f"{part} harms nothing")
    return read_history(harmed)


def shown_to(records: Records, reader: str, conversation: str) -> list[Record]:
    return [record for record in records[reader]
            if record["kind"] == "shown" and record["conversation"] == conversation]


def states_of(records: Records, author: str) -> list[Record]:
    return [record for record in records[author] if record["kind"] == "state"]


# Damage to what people were told and shown.

def a_message_is_gone_everywhere(_: Records, histories: Histories) -> None:
    for history in histories.values():
        history.places[EVERYONE].pop()


def a_message_is_stored_twice(_: Records, histories: Histories) -> None:
    entries = histories["s2"].places[place_of(ALICE, BOB)]
    entries.append(replace(entries[0], seq=len(entries) + 1))


def a_message_is_shown_twice(records: Records, _: Histories) -> None:
    records[BOB].append(shown_to(records, BOB, ALICE)[-1])


def two_of_one_author_change_places(_: Records, histories: Histories) -> None:
    entries = histories["s2"].places[place_of(ALICE, BOB)]
    first, second = [index for index, entry in enumerate(entries) if entry.author == ALICE][:2]
    one, other = entries[first], entries[second]
    entries[first], entries[second] = replace(other, seq=one.seq), replace(one, seq=other.seq)


def two_are_shown_in_the_wrong_order(records: Records, _: Histories) -> None:
    first, second = shown_to(records, BOB, ALICE)[:2]
    at, behind = records[BOB].index(first), records[BOB].index(second)
    records[BOB][at], records[BOB][behind] = second, first


def other_words_are_shown(records: Records, _: Histories) -> None:
    shown_to(records, BOB, ALICE)[0]["text"] = "what alice never said"


def somebody_else_is_named(_: Records, histories: Histories) -> None:
    entries = histories["s2"].places[EVERYONE]
    entries[0] = replace(entries[0], author="dave@s2")


def words_of_nobody_appear(_: Records, histories: Histories) -> None:
    entries = histories["s1"].places[EVERYONE]
    entries.append(replace(entries[0], seq=len(entries) + 1, id="017f22e2-79b0-7cc3-98c4-dc0c0c07398f"))


def one_is_never_shown(records: Records, _: Histories) -> None:
    records[BOB].remove(shown_to(records, BOB, ALICE)[0])


def the_last_is_never_shown(records: Records, _: Histories) -> None:
    records[BOB].remove(shown_to(records, BOB, "public")[-1])


def the_recipient_has_no_copy_of_what_was_delivered(_: Records, histories: Histories) -> None:
    entries = histories["s2"].places[place_of(ALICE, BOB)]
    # Which of the two wrote the last one there is chance; what bob wrote is lost instead.
    entries.remove([entry for entry in entries if entry.author == ALICE][-1])


def what_failed_is_there(records: Records, _: Histories) -> None:
    for record in states_of(records, ALICE)[:3]:
        record["state"] = "failed"


def one_has_no_end(records: Records, _: Histories) -> None:
    records[BOB] = [record for record in records[BOB] if record.get("state") != "delivered"]


def one_cannot_be_read(records: Records, _: Histories) -> None:
    shown_to(records, BOB, ALICE)[0]["text"] = None


PLANTS: list[tuple[str, Callable[[Records, Histories], None]]] = [
    ("lost", a_message_is_gone_everywhere),
    ("doubled", a_message_is_stored_twice),
    ("doubled", a_message_is_shown_twice),
    ("overtaken", two_of_one_author_change_places),
    ("overtaken", two_are_shown_in_the_wrong_order),
    ("forged", other_words_are_shown),
    ("forged", somebody_else_is_named),
    ("forged", words_of_nobody_appear),
    ("silent", one_is_never_shown),
    ("silent", the_last_is_never_shown),
    ("untruthful", the_recipient_has_no_copy_of_what_was_delivered),
    ("untruthful", what_failed_is_there),
    ("unsettled", one_has_no_end),
    ("unreadable", one_cannot_be_read),
]

# Damage to a node's disk: the kind, the node, and what is done.
PLANTS_ON_DISK = [
    ("lost", "s1", "DELETE FROM message WHERE position = (SELECT min(position) FROM message WHERE sender = 'alice@s1')"),
    ("untruthful", "s2", "DELETE FROM message WHERE sender = 'alice@s1' AND conversation != 1"),
    ("forged", "s2", "UPDATE message SET envelope = CAST(replace(CAST(envelope AS TEXT), 'says', 'sings') AS BLOB) "
     "WHERE conversation = 1"),
    ("forged", "s1", "UPDATE message SET sender = 'alice@s1' WHERE sender = 'bob@s2'"),
    ("overtaken", "s2", "UPDATE message SET seq = -seq WHERE conversation = 1;"
     "UPDATE message SET seq = 1 + (SELECT count(*) FROM message WHERE conversation = 1) + seq WHERE conversation = 1"),
]
