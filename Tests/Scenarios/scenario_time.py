"""Wall clocks that are wrong and jump, and messages whose time runs out."""
from __future__ import annotations

from clocks import WallClock
from harness import PEOPLE, Play, require, shows
from ledger import Books
from town import Town

DAY_MILLISECONDS = 86_400_000


@shows("fault 13", is_long=True)
def scenario_wall_clocks_jump_under_traffic(play: Play) -> None:
    """The clocks of both nodes jump a day ahead and back and run at half speed; order, links and messages stay."""
    town = Town(play)
    s1, s2 = town.nodes
    clocks = [WallClock(node) for node in town.nodes]
    for node in town.nodes:
        require(node.stop() == 0, "it stops in order")
        node.restart()
    town.burst(2)
    town.settle()
    marks = [len(node.log) for node in town.nodes]
    for offsets in (("+1d", "+0"), ("+1d", "-1d"), ("-2d", "+2d"), ("+0 x0.5", "+0"), ("+0", "+0")):
        for clock, offset in zip(clocks, offsets):
            clock.set(offset)
        town.burst(3)
        town.settle()
    for node, mark in zip(town.nodes, marks):
        require(node.logged("link down", mark) is None, f"a clock on the wall ended a link of {node.name}")
    (first, last), = s1.rows("SELECT min(stored_at), max(stored_at) FROM message")
    require(last - first > DAY_MILLISECONDS, "the clock of s1 did jump")
    require(not any(town.told(state) for state in ("failed", "unconfirmed")), "nothing expired")
    print(f"  {town.audit()}; the clocks were up to {(last - first) / DAY_MILLISECONDS:.0f} days apart", flush=True)


@shows("fault 24", is_long=True)
def scenario_a_message_whose_time_runs_out_is_unconfirmed_and_may_still_arrive(play: Play) -> None:
    """Eight days without the recipient's server, which was even struck out of the setup meanwhile, over restarts
    of node and client; then it is back. Somebody at a server that nobody knows is refused at once."""
    s1, s2 = play.pair()
    books = Books(play, PEOPLE)
    alice, _, bob, _ = play.four()
    first = alice.send(bob.name, "so that the keys are known")
    alice.expect("state", id=first, state="delivered")
    lost = alice.send("zoe@s9", "to nowhere")
    alice.expect("state", id=lost, state="failed", reason="unknown-server")
    s2.kill()
    sent = [alice.send(bob.name, "are you there?"), alice.send("public", "is anybody?")]
    alice.expect_all("accepted", sent)
    require(alice.quit() == 0, "alice's client ends in order")

    require(s1.stop() == 0, "s1 stops in order")
    known = s1.setup
    s1.write_setup(known | {"mailing_address": {}})
    # Once a minute a node looks what has run out; a minute of this one takes two seconds.
    clock = WallClock(s1, everything=True)
    clock.set("+8d x30")
    s1.restart()
    alice = play.client("alice@s1")
    alice.expect_all("unconfirmed", sent)
    mark = alice.mark()
    s1.kill()
    s1.write_setup(known)
    clock.set("+8d")
    s1.restart()
    alice.expect("connected", mark)
    require(alice.count("unconfirmed", sent) == 2, f"they are still unconfirmed, not {alice.states()}")
    s2.restart()
    alice.expect_all("delivered", sent)
    books.settle(within=60)
    print(f"  {books.audit(s1, s2)}; unconfirmed after eight days, delivered in the end", flush=True)
    require(alice.course(sent[0])[-2:] == ["unconfirmed", "delivered"], f"{alice.course(sent[0])}")
