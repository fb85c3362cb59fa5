"""A bad network between two nodes, row by row of the fault matrix in Docs/testing.md; the books decide."""
from __future__ import annotations

import time

from harness import Play, require, shows
from town import Town, percentile

# Promise P7: whoever cannot be reached is shown as unknown so soon.
UNKNOWN_SECONDS_MAX = 30.0
NOTICED_SECONDS_MAX = 25.0
TRIO = {"s1": ("alice",), "s2": ("bob",), "s3": ("erin",)}


@shows("fault 10")
def scenario_what_is_harmed_on_the_way_arrives_all_the_same(play: Play) -> None:
    """Each mischief to each kind of message, from either side; some end the link, none ends a message."""
    town = Town(play)
    wire = town.wire()
    worst = 0.0
    cases = [(mischief, tag) for tag in ("envelope", "acknowledgement")
             for mischief in ("duplicate", "reorder", "truncate", "corrupt", "harm_frame", "reset")]
    for number, (mischief, tag) in enumerate(cases):
        source = f"s{1 + number % 2}"
        since = time.monotonic()
        wire.next(mischief, source, tag)
        town.burst(2)
        wire.wait(lambda: wire.noted(f"{mischief} from {source}", since), f"{mischief} happens to {tag}")
        worst = max(worst, town.settle())
    # A link that ends is opened anew, and there each step of the opening suffers.
    for number, (mischief, tag) in enumerate((mischief, tag) for tag in ("hello", "proof", "resume")
                                             for mischief in ("duplicate", "corrupt", "truncate")):
        source = f"s{1 + number % 2}"
        since = time.monotonic()
        wire.next(mischief, source, tag)
        wire.reset()
        town.burst(1)
        wire.wait(lambda: wire.noted(f"{mischief} from {source}", since), f"{mischief} happens to {tag}")
        worst = max(worst, town.settle())
    print(f"  {town.audit()}; at worst {worst:.1f} s from a fault to quiet", flush=True)


@shows("fault 7")
def scenario_a_moment_without_network_ends_no_link(play: Play) -> None:
    """A short partition: what is said meanwhile is accepted, and goes on over the same connection."""
    town = Town(play, transport="wss")
    # Everybody writes to everybody once, so that nobody asks for a key over a link on which nothing moves.
    for author in town.clients.values():
        for to in town.clients:
            if to != author.name:
                town.say(author, to)
    town.settle()
    marks = [len(node.log) for node in town.nodes]
    town.wire().set(is_stalled=True)
    ids = town.burst(5)
    town.wait(lambda: town.has_accepted(ids), "all are accepted meanwhile")
    town.wire().heal()
    healed = town.settle()
    for node, mark in zip(town.nodes, marks):
        require(node.logged("link down", mark) is None, "a moment's silence ends no link")
    print(f"  {town.audit()}; settled {healed:.2f} s after the end", flush=True)


@shows("fault 7", "fault 8")
def scenario_partitions_and_half_open_links_are_noticed_on_both_sides(play: Play) -> None:
    """On three links at once: the dialler's words vanish without a reset, the acceptor's words vanish,
    and nothing moves either way until the partition ends."""
    town = Town(play, TRIO)
    town.burst(3)
    town.settle()
    s1, s2, s3 = town.nodes
    parted = town.wire("s2", "s3")
    lost = time.monotonic()
    town.wire("s1", "s2").lose("s1")
    town.wire("s1", "s3").lose("s3")
    parted.set(is_stalled=True)
    marks = {client: client.mark() for client in town.clients.values()}
    town.burst(5)
    noticed = 0.0
    for one, other in ((s1, s2), (s1, s3), (s2, s3)):
        for node, peer in ((one, other), (other, one)):
            node.expect_log("link down", server=peer.name, within=UNKNOWN_SECONDS_MAX)
            noticed = max(noticed, time.monotonic() - lost)
    for client, other in ((town["bob"], town["erin"]), (town["erin"], town["bob"])):
        client.expect("person", marks[client], address=other.name, status="unknown")
    unknown = time.monotonic() - lost
    parted.heal()
    settled = town.settle()
    print(f"  {town.audit()}; all six ends noticed within {noticed:.1f} s, people unknown within {unknown:.1f} s, "
          f"settled {settled:.1f} s after the end of the partition", flush=True)
    require(noticed <= NOTICED_SECONDS_MAX, f"a dead link was noticed after {noticed:.1f} s")
    require(unknown <= UNKNOWN_SECONDS_MAX, f"people were shown as reachable for {unknown:.1f} s")


@shows("fault 9", is_long=True)
def scenario_a_slow_and_lossy_line_makes_progress(play: Play) -> None:
    """64 kbit/s, two seconds long, and one message in ten comes late, as after a loss."""
    town = Town(play)
    wire = town.wire()
    wire.set(bytes_per_second=8000.0, delay_seconds=2.0, chances={"late": 0.1})
    for _ in range(2):
        town.burst(2)
        town.settle(within=120)
    wire.heal()
    taken = town.seconds_to_show("alice@s1", "bob@s2")
    print(f"  {town.audit()}; from alice to bob {percentile(taken, 0.5):.1f} s, p99 {percentile(taken, 0.99):.1f} s", flush=True)
    require(not any(node.logged("link down", code="timed-out") for node in town.nodes), "a slow link is no dead link")
