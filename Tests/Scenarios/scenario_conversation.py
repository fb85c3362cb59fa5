"""Two nodes and four people talk; nothing that is private is readable on a node."""
from __future__ import annotations

import time

from harness import PATIENCE_SECONDS, Client, Play, require


def scenario_everybody_sees_everybody_with_the_same_fingerprints(play: Play) -> None:
    play.pair()
    clients = play.four()
    seen = []
    for client in clients:
        people = {event["address"]: event for event in client.ask("who") if event["event"] == "person"}
        others = {other.name for other in clients} - {client.name}
        require(others <= set(people), f"{client.name} sees only {set(people)}")
        require(all(people[other]["status"] == "online" for other in others), f"{client.name} sees {people}")
        seen.append({address: event["fingerprint"] for address, event in people.items()})
    for one in seen:
        for address, fingerprint in one.items():
            require(len(fingerprint) == 64, f"{address} has the fingerprint {fingerprint!r}")
            require(all(other.get(address, fingerprint) == fingerprint for other in seen), f"{address} has two")
    require(len({tuple(sorted(one.values())) for one in seen}) <= 2 and len(set(seen[0].values())) >= 3, "keys differ")


def scenario_a_key_is_told_with_its_fingerprint(play: Play) -> None:
    play.pair()
    alice, _, bob, _ = play.four()
    told = {event["address"]: event["fingerprint"] for event in alice.ask("who") if event["event"] == "person"}
    keys = [event for event in alice.ask("keys", of=bob.name) if event["event"] == "key"]
    require(len(keys) == 1, f"bob has one device, not {keys}")
    require(keys[0]["fingerprint"] == told[bob.name], "who and keys tell the same fingerprint")
    require(keys[0]["pem"].startswith("-----BEGIN PUBLIC KEY-----"), "the key is told as PEM")


def scenario_a_public_message_is_seen_once_by_all_four(play: Play) -> None:
    play.pair()
    clients = play.four()
    for round_number, sender in enumerate(clients):
        text = f"public words {round_number} of {sender.name} 🌷"
        message_id = sender.send("public", text)
        for reader in clients:
            event = reader.expect("message", id=message_id)
            require(event["text"] == text and event["from"] == sender.name, f"{reader.name} got {event}")
            require(event["conversation"] == "public" and event["encrypted"] is False, f"{reader.name} got {event}")
        sender.expect("state", id=message_id, state="delivered")
    # Whatever was sent twice would have come before these last words of both servers.
    for sender in (clients[0], clients[2]):
        last = sender.send("public", "the end")
        for reader in clients:
            reader.expect("message", id=last)
    for reader in clients:
        texts = reader.texts(conversation="public")
        require(len(texts) == 6 == len(set(texts)) + 1, f"{reader.name} saw {texts}")


def exchange(sender: Client, reader: Client, text: str) -> str:
    """One private message with all that it shows; returns its id."""
    since = sender.mark()
    message_id = sender.send(reader.name, text)
    got = reader.expect("message", id=message_id)
    require(got["text"] == text and got["encrypted"] is True, f"{reader.name} got {got}")
    require(got["from"] == sender.name and got["conversation"] == sender.name, f"{reader.name} got {got}")
    own = sender.expect("message", since, id=message_id)
    require(own["text"] == text and own["conversation"] == reader.name, f"{sender.name} got back {own}")
    sender.expect("state", since, id=message_id, state="delivered")
    states = sender.course(message_id)
    require(states == ["pending", "accepted", "delivered"], f"the states of {message_id} were {states}")
    return message_id


def scenario_private_messages_both_ways_are_sealed_on_both_nodes(play: Play) -> None:
    s1, s2 = play.pair()
    alice, carol, bob, dave = play.four()
    there, back = "marmalade at midnight", "a lantern on the pier"
    ids = {exchange(alice, bob, there): there, exchange(bob, alice, back): back}
    ids[exchange(alice, carol, "next door, the same")] = "next door, the same"
    for node in (s1, s2):
        for message_id in list(ids)[:2]:
            envelope = node.stored_envelope(message_id)
            require('"sealed"' in envelope and '"text"' not in envelope, f"{node.name} stores {envelope[:300]}")
        for text in ids.values():
            require(not node.holds_text(text), f"a file of {node.name} holds {text!r}")
    require('"sealed"' in s1.stored_envelope(list(ids)[2]), "a message between neighbours is sealed too")
    # The files would show plain text: a public message is found in them.
    alice.send("public", "for everybody's eyes")
    dave.expect("message", text="for everybody's eyes")
    require(dave.texts() == ["for everybody's eyes"], f"dave saw {dave.texts()}")
    require(s1.holds_text("for everybody's eyes"), "the search in the files finds nothing at all")


def expect_devices(asker: Client, address: str, count: int) -> None:
    """Asks until that many are listed: a device counts when its node has committed it, which nobody else is told."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while len(keys := [event for event in asker.ask("keys", of=address) if event["event"] == "key"]) != count:
        require(time.monotonic() < deadline, f"{address} has {count} devices, not {keys}")


def scenario_both_sessions_of_one_user_are_served(play: Play) -> None:
    play.pair()
    alice, carol, bob, _ = play.four()
    second = play.client("alice@s1", profile="alice-2")
    second.expect_online("bob@s2")
    expect_devices(bob, "alice@s1", 2)
    to_both = bob.send("alice@s1", "to both of you")
    for session in (alice, second):
        require(session.expect("message", id=to_both)["text"] == "to both of you", f"{session.name} cannot read it")
    own = second.send("bob@s2", "written at the second desk")
    require(alice.expect("message", id=own)["text"] == "written at the second desk", "the first session reads along")
    public = carol.send("public", "hello both")
    for session in (alice, second):
        session.expect("message", id=public)
    require(second.quit() == 0, "quit ends a client with 0")
    after = bob.send("alice@s1", "one is left")
    alice.expect("message", id=after)


def scenario_a_profile_serves_one_process_at_a_time(play: Play) -> None:
    play.node("s1")
    alice = play.client("alice@s1")
    intruder = play.unconnected_client("alice@s1")
    code = intruder.ended()
    said = " ".join(intruder.log + intruder.lines)
    require(code in (1, 78), f"the second process ended with {code}")
    require(any(word in said for word in ("in use", "locked", "already", "another")), f"it said only: {said}")
    public = alice.send("public", "still here")
    alice.expect("message", id=public)
    require(alice.quit() == 0, "quit ends a client with 0")
    play.client("alice@s1")


def scenario_history_is_paged(play: Play) -> None:
    play.node("s1")
    alice = play.client("alice@s1")
    ids = [alice.send("public", f"line {number}") for number in range(30)]
    alice.expect_all("delivered", ids)
    newest = alice.ask("history", conversation="public", count=10)
    page = [event for event in newest if event["event"] == "message"]
    require([event["id"] for event in page] == ids[20:], f"the newest page is {page}")
    require(all(event["history"] for event in page), "an answer to history is marked as such")
    older = alice.ask("history", conversation="public", count=10, before=page[0]["seq"])
    require([event["id"] for event in older if event["event"] == "message"] == ids[10:20], f"the page below is {older}")
