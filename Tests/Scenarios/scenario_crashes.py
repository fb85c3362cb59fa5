"""SIGKILL at the worst moments: what was accepted is there once and in order, and no state ever lied."""
from __future__ import annotations

from harness import Client, Node, Play, require

MESSAGES = 200


def require_history(client: Client, conversation: str, texts: list[str]) -> None:
    """All of them, each once, in the order in which they were said."""
    found = [event["text"] for event in client.history(conversation)]
    require(found == texts, f"the history of {client.name} holds {len(found)}, {len(set(found))} of them different; "
            f"missing {[text for text in texts if text not in found][:5]}")


def require_truth(sender: Client, ids: list[str], recipient: Node) -> None:
    """Each message that is shown as delivered is in the recipient's database."""
    stored = recipient.stored_ids()
    lies = [message_id for message_id in ids
            if sender.states().get(message_id) == "delivered" and message_id not in stored]
    require(not lies, f"{len(lies)} messages are shown as delivered that {recipient.name} does not hold")


def scenario_the_recipients_node_is_killed_amid_two_hundred_messages(play: Play) -> None:
    s1, s2 = play.pair()
    alice, _, bob, _ = play.four()
    texts = [f"number {number}" for number in range(MESSAGES)]
    ids = [alice.send(bob.name, text) for text in texts[: MESSAGES // 4]]
    alice.wait(lambda: alice.count("delivered", ids) >= 10, "the first messages are delivered")
    s2.kill()
    ids += [alice.send(bob.name, text) for text in texts[MESSAGES // 4:]]
    alice.wait(lambda: sum(state in ("accepted", "delivered") for state in alice.states().values()) == MESSAGES,
               "all are accepted while s2 is down")
    alice.expect_status(bob.name, "unknown")
    require_truth(alice, ids, s2)
    require(alice.count("delivered", ids) <= MESSAGES // 4, "messages are shown as delivered to a dead node")
    require(not alice.all("state", state="failed"), "a dead node is no failure")
    s2.restart()
    alice.expect_all("delivered", ids)
    bob.wait(lambda: len(set(bob.texts(conversation=alice.name))) == MESSAGES, "bob has read all")
    require(bob.texts(conversation=alice.name) == texts, "bob saw each once, in order, as it came")
    require_history(bob, alice.name, texts)
    require_history(alice, bob.name, texts)
    require(len(s2.stored_ids()) == MESSAGES == len(s1.stored_ids()), "each node holds each message once")


def scenario_the_senders_node_is_killed_amid_messages(play: Play) -> None:
    s1, _ = play.pair()
    alice, _, bob, _ = play.four()
    texts = [f"number {number}" for number in range(MESSAGES)]
    ids = [alice.send(bob.name, text) for text in texts[: MESSAGES // 2]]
    alice.wait(lambda: alice.count("pending", ids) < len(ids), "the first are accepted")
    s1.kill()
    alice.expect("disconnected")
    accepted = {message_id for message_id, state in alice.states().items() if state in ("accepted", "delivered")}
    require(accepted <= s1.stored_ids(), "what was accepted is on the disk of s1")
    ids += [alice.send(bob.name, text) for text in texts[MESSAGES // 2:]]
    alice.wait(lambda: len(alice.states()) == MESSAGES, "every message has a state")
    require(all(alice.states()[message_id] == "pending" for message_id in ids[MESSAGES // 2:]), "none is accepted")
    s1.restart()
    alice.expect_all("delivered", ids)
    bob.wait(lambda: len(set(bob.texts(conversation=alice.name))) == MESSAGES, "bob has read all")
    require_history(bob, alice.name, texts)
    require_history(alice, bob.name, texts)


def scenario_everything_is_killed_and_comes_back(play: Play) -> None:
    s1, s2 = play.pair()
    alice, carol, bob, dave = play.four()
    texts = ["before", "from the client's own disk", "and after"]
    first = alice.send(bob.name, texts[0])
    alice.expect("state", id=first, state="delivered")
    s2.kill()
    s1.kill()
    alice.expect("disconnected")
    kept = alice.send(bob.name, texts[1])
    alice.expect("state", id=kept, state="pending")
    alice.kill()
    s2.restart()
    s1.restart()
    alice = play.client("alice@s1")
    alice.expect("state", id=kept, state="delivered")
    bob.expect("message", id=kept)
    for client in (carol, bob, dave):
        for other in (alice, carol, bob, dave):
            client.expect_online(other.name)
    last = alice.send(bob.name, texts[2])
    bob.expect("message", id=last)
    alice.expect("state", id=last, state="delivered")
    require_history(bob, alice.name, texts)
    require_history(alice, bob.name, texts)
    back = bob.send(alice.name, "welcome back")
    require(alice.expect("message", id=back)["text"] == "welcome back", "alice reads with her old key")


def scenario_public_words_reach_a_server_that_was_away(play: Play) -> None:
    _, s2 = play.pair()
    alice, _, bob, _ = play.four()
    s2.kill()
    bob.expect("disconnected")
    ids = [alice.send("public", f"public {number}") for number in range(20)]
    alice.wait(lambda: alice.count("accepted", ids) == len(ids), "all are accepted, none delivered")
    s2.restart()
    alice.expect_all("delivered", ids)
    for message_id in ids:
        bob.expect("message", id=message_id)
    require([event["id"] for event in bob.history("public")] == ids, "bob's public history has each once, in order")


def scenario_a_client_away_misses_nothing(play: Play) -> None:
    play.pair()
    alice, _, bob, _ = play.four()
    first = alice.send(bob.name, "while you are here")
    bob.expect("message", id=first)
    bob.kill()
    texts = [f"while you are away {number}" for number in range(20)]
    ids = [alice.send(bob.name, text) for text in texts]
    alice.expect_all("delivered", ids)
    bob = play.client("bob@s2")
    for message_id in ids:
        bob.expect("message", id=message_id)
    require_history(bob, alice.name, ["while you are here", *texts])


def scenario_a_client_away_is_told_what_became_of_its_words(play: Play) -> None:
    s1, s2 = play.pair()
    alice, carol, bob, _ = play.four()
    first = alice.send(bob.name, "so that the keys are known")
    alice.expect("state", id=first, state="delivered")
    s2.kill()
    ids = [alice.send(bob.name, f"while your server is down {number}") for number in range(3)]
    alice.expect_all("accepted", ids)
    # An event is shown before it is noted on disk; whoever answers the next command has noted it.
    alice.ask("who")
    alice.kill()
    last = carol.send(bob.name, "behind them")
    carol.expect("state", id=last, state="accepted")
    s2.restart()
    # A link's acknowledgements are in order: with carol's message those of alice are settled.
    carol.expect("state", id=last, state="delivered")
    require_truth(carol, [last], s2)
    require(set(ids) <= s2.stored_ids(), "s2 has what was accepted")
    alice = play.client("alice@s1")
    alice.expect_all("delivered", ids)
    require(all(len(alice.all("state", id=message_id)) == 1 for message_id in ids), "each end is told once")
    require(alice.quit() == 0, "alice's client ends in order")
    alice = play.client("alice@s1")
    back = alice.send(bob.name, "and all is well")
    alice.expect("state", id=back, state="delivered")
    require(not alice.all("state", id=first) and alice.count("delivered", ids) == 0, "what is known is not told again")
    require(len(s1.stored_ids()) == 6, "nothing was stored twice")
