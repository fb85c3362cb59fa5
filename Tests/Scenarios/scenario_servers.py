"""What people are told of servers that cannot be reached."""
from __future__ import annotations

import time

from harness import Play, require, shows
from scenario_line_mode import lines

# Noticing at once, and telling after five seconds; a dead link without a word takes up to twenty more.
TOLD_SECONDS_MAX = 30


def scenario_people_are_told_which_server_is_away_and_what_waits(play: Play) -> None:
    s1, s2 = play.pair()
    alice, bob = play.client("alice@s1"), play.client("bob@s2")
    alice.expect_online("bob@s2")
    alice.ask("keys", of="bob@s2")
    screen = lines(play, "carol@s1")
    screen.expect("You are carol@s1")
    killed = time.time()
    s2.kill()
    waiting = [alice.send("bob@s2", f"number {number}") for number in range(3)]
    alice.expect_all("accepted", waiting)
    told = alice.expect("server", server="s2", state="unreachable")
    require(killed - 2 <= told["since"] / 1000 <= killed + 2 and told["waiting"] == 3, f"it was {told}")
    require(time.time() - killed < TOLD_SECONDS_MAX, "presence may be wrong for half a minute")
    screen.expect("s2 unreachable since")
    late = play.client("alice@s1", profile="late")
    heard = late.expect("server", server="s2", state="unreachable")
    require(heard["since"] == told["since"], f"whoever comes later hears the same, not {heard}")
    s2.restart()
    for client in (alice, late):
        client.expect("server", server="s2", state="reachable")
    alice.expect_all("delivered", waiting)
    screen.expect("s2 can be reached again")
    require(len(alice.all("server")) == 2, f"each change is told once: {alice.all('server')}")


@shows("security 34")
def scenario_a_server_that_may_not_know_who_is_here_is_not_told(play: Play) -> None:
    s1, s2 = play.pair()
    require(s1.stop() == 0, "SIGTERM ends a node with 0")
    address = s1.setup["mailing_address"]["s2"]
    s1.write_setup(s1.setup | {"mailing_address": {"s2": {"address": address, "presence": "none"}}})
    s1.start()
    alice, bob = play.client("alice@s1"), play.client("bob@s2")
    alice.expect_online("bob@s2")
    bob.expect("message", id=alice.send("bob@s2", "you can answer, all the same"))
    alice.expect("message", id=bob.send("alice@s1", "so I do"))
    require(bob.status_of("alice@s1") in (None, "offline"), f"bob sees alice {bob.status_of('alice@s1')}")
    people = [event["address"] for event in bob.ask("who") if event["event"] == "person"]
    require("alice@s1" not in people, f"bob sees {people}")
