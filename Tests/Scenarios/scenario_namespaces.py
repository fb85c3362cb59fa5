"""Nodes on machines of their own, joined by cables that are cut, swallow one direction, or lead to another address."""
from __future__ import annotations

import time

from harness import Client, NotHere, Play, require, shows
from ledger import Books
from namespaces import Network, unavailable

TRIO = {"s1": ("alice",), "s2": ("bob",), "s3": ("erin",)}
NOTICED_SECONDS_MAX = 25.0


@shows("fault 7", "fault 8", is_long=True)
def scenario_cables_are_cut_and_swallow_and_addresses_change(play: Play) -> None:
    """Rows 7 and 8 on real network devices, under TLS: at once one cable is unplugged, one swallows what s1 sends, and one
    machine moves to another address."""
    if reason := unavailable():
        raise NotHere(f"this kernel makes no network namespaces ({reason})")
    network = Network(play, TRIO)
    nodes = network.nodes()
    books = Books(play, TRIO)
    clients = {address: play.client(address) for address in books.ledgers}
    for client in clients.values():
        for other in clients:
            client.expect_online(other)
    talk(clients)
    books.settle(within=30)

    cut = time.monotonic()
    network.set_cable("s1", "s2", is_up=False)
    network.swallow("s1", "s3")
    network.move("s3", "s2", "10.77.2.77")
    talk(clients)
    noticed = 0.0
    s1, s2, s3 = nodes
    for one, other in ((s1, s2), (s1, s3), (s2, s3)):
        for node, peer in ((one, other), (other, one)):
            node.expect_log("link down", server=peer.name, within=NOTICED_SECONDS_MAX + 5)
            noticed = max(noticed, time.monotonic() - cut)
    down = next(index for index, line in enumerate(s2.log) if '"link down"' in line and '"s3"' in line)
    s2.expect_log("link up", down, server="s3")
    moved = time.monotonic() - cut
    network.set_cable("s1", "s2", is_up=True)
    network.swallow("s1", "s3", does=False)
    healed = books.settle(within=90)
    print(f"  {books.audit(*nodes)}; all six ends noticed within {noticed:.1f} s, found the new address after {moved:.1f} s, "
          f"settled {healed:.1f} s after the cables were whole", flush=True)
    require(noticed <= NOTICED_SECONDS_MAX, f"a dead link was noticed after {noticed:.1f} s")


def talk(clients: dict[str, Client]) -> None:
    for author in clients.values():
        for number in range(3):
            for to in ("public", *clients):
                if to != author.name:
                    author.send(to, f"{author.name} says {number} to {to}")
