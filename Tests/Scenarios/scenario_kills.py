"""SIGKILL to nodes under traffic, at random and at chosen moments; what was told is on disk, nothing is lost or doubled."""
from __future__ import annotations

import time

from harness import Node, Play, require, shows
from town import Town

RANDOM_KILLS = 12
BURST = 6
# Docs/testing.md: traffic goes on so soon after a peer is back.
RESUMED_SECONDS_MAX = 1.0
STORM_RESTARTS = 15
PEAK_GROWTH_KIB_MAX = 24 << 10


def kill(town: Town, *nodes: Node) -> None:
    """At once, and then looks whether they kept what they told."""
    for node in nodes:
        node.running().child.kill()
    for node in nodes:
        node.running().ended()
    for node in nodes:
        town.books.require_kept(node)


@shows("fault 1", "fault 2")
def scenario_nodes_are_killed_at_random_under_traffic(play: Play) -> None:
    """One node or both at once, after a random number of messages has been accepted."""
    town = Town(play)
    s1, s2 = town.nodes
    for number in range(RANDOM_KILLS):
        goal = town.told("accepted") + town.chance.randrange(1, BURST * len(town.clients))
        town.burst(BURST)
        town.wait(lambda: town.told("accepted") >= goal, "enough is accepted")
        doomed = [(s1,), (s2,), (s1, s2)][number % 3]
        kill(town, *doomed)
        for node in doomed:
            node.restart()
    settled = town.settle()
    print(f"  {town.audit()}; {RANDOM_KILLS} kills, settled {settled:.1f} s after the last", flush=True)


@shows("fault 1", "fault 2")
def scenario_nodes_are_killed_at_chosen_moments(play: Play) -> None:
    """The link is stopped with one certain message on it, and then this or that node is killed, or both.

    The envelope on its way: sent, and not there. The acknowledgement on its way: committed at the recipient's node, and the
    sender's does not know it, which will send it again.
    """
    town = Town(play)
    wire, (s1, s2) = town.wire(), town.nodes
    alice, bob = town["alice"], town["bob"]
    town.say(alice, bob.name)
    town.settle()
    worst = 0.0
    for source, tag in (("s1", "envelope"), ("s2", "acknowledgement")):
        for doomed in ((s1,), (s2,), (s1, s2)):
            since = time.monotonic()
            wire.next("hold", source, tag)
            held = town.say(alice, bob.name)
            wire.wait(lambda: wire.noted(f"hold from {source}", since), f"{tag} is on its way")
            alice.expect("state", id=held, state="accepted")
            if tag == "acknowledgement":
                bob.expect("message", id=held)
            kill(town, *doomed)
            wire.reset()
            wire.heal()
            for node in doomed:
                node.restart()
            worst = max(worst, town.settle())
            require(alice.course(held)[-1:] == ["delivered"], f"{held} is told as {alice.course(held)}")
    print(f"  {town.audit()}; at worst {worst:.1f} s from a restart to quiet", flush=True)


@shows("fault 1")
def scenario_traffic_goes_on_within_a_second_of_a_return(play: Play) -> None:
    """What waits for a node goes out as soon as that is back, though ours tries only now and then by then."""
    town = Town(play)
    _, s2 = town.nodes
    alice, bob = town["alice"], town["bob"]
    town.say(alice, bob.name)
    town.settle()
    taken = []
    for seconds_away in (0.5, 4.0):
        s2.kill()
        sent = town.say(alice, bob.name)
        alice.expect("state", id=sent, state="accepted")
        # Nothing tells that time has passed; this is how long the node is away, and no wait for anything.
        gone = time.monotonic() + seconds_away
        while (remaining := gone - time.monotonic()) > 0:
            s2.running().child.poll()
            time.sleep(remaining)
        s2.restart()
        ready = time.monotonic()
        alice.expect("state", id=sent, state="delivered")
        taken.append(time.monotonic() - ready)
    town.settle()
    print(f"  {town.audit()}; delivered {', '.join(f'{each:.2f} s' for each in taken)} after the peer was ready", flush=True)
    require(max(taken) <= RESUMED_SECONDS_MAX, f"the outbox waited {max(taken):.2f} s for a peer that was back")


@shows("fault 14", is_long=True)
def scenario_a_storm_of_restarts_wears_nothing_out(play: Play) -> None:
    """A node that restarts again and again; its peer neither grows nor gives it up."""
    town = Town(play)
    s1, s2 = town.nodes
    town.burst(3)
    town.settle()
    before, descriptors = s1.peak_kib(), s1.descriptors()
    for number in range(STORM_RESTARTS):
        ids = town.burst(1)
        if number % 2:
            kill(town, s2)
        else:
            require(s2.stop() == 0, "s2 stops in order")
        s2.restart()
        require(len(ids) == len(town.clients), "everybody said something")
    settled = town.settle()
    growth = s1.peak_kib() - before
    print(f"  {town.audit()}; {STORM_RESTARTS} restarts, settled {settled:.1f} s after the last; s1 grew by {growth} KiB "
          f"and has {s1.descriptors()} descriptors, {descriptors} before", flush=True)
    require(growth <= PEAK_GROWTH_KIB_MAX, f"s1 grew by {growth} KiB")
    require(s1.descriptors() <= descriptors + 4, "s1 keeps descriptors of links that are gone")
