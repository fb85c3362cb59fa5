"""A peer that does not read, a thin line, and wall clocks that jump: others go on as if nothing were."""
from __future__ import annotations

import signal
import time

from harness import Play, require, shows
from scenario_transfers import expect_state, find_end, make_file, offer, sha256
from town import Town, percentile

BIG_TEXT = "0123456789abcdef" * 1900  # close to the longest that one message may have
BIG_MESSAGES = 120
ROUNDS = 15
# What a node may grow by for a peer that does not read: its window is 1 MiB, its egress queue 8 MiB at most.
GROWTH_KIB_MAX = 48 << 10
# A small message between neighbours, on a machine of two cores with debug builds.
NEIGHBOUR_SECONDS_MAX = 0.5
# 2 Mbit/s.
LINE_BYTES_PER_SECOND = 250e3
FILES = 3
FILE_BYTES = 300 << 10
SMALL_SECONDS_MAX = 1.0


@shows("fault 11", is_long=True)
def scenario_a_peer_that_does_not_read_costs_disk_and_nobody_else(play: Play) -> None:
    """s2 is stopped, and then reads a byte a second; what waits for it lies on disk, and neighbours go on."""
    town = Town(play)
    s1, s2 = town.nodes
    alice, carol = town["alice"], town["carol"]
    town.burst(2)
    town.settle()
    calm = neighbours(town)
    figures = []
    for fault in ("stopped", "one byte a second"):
        before = s1.peak_kib()
        if fault == "stopped":
            s2.running().signal(signal.SIGSTOP)
        else:
            town.wire().set("s1", bytes_per_second=1.0)
        ids = [town.say(carol, "public", f"{number} {BIG_TEXT}") for number in range(BIG_MESSAGES)]
        taken = neighbours(town)
        town.wait(lambda: town.has_accepted(ids), "all are accepted")
        (waiting,), = s1.rows("SELECT queued_bytes FROM peer WHERE name = 's2'")
        growth = s1.peak_kib() - before
        figures.append(f"{fault}: {waiting >> 10} KiB wait on disk, {growth >> 10} MiB more memory, "
                       f"neighbours p99 {percentile(taken, 0.99) * 1000:.0f} ms")
        require(waiting > 2 << 20, f"only {waiting} bytes wait for s2")
        require(growth <= GROWTH_KIB_MAX, f"s1 grew by {growth} KiB for a peer that does not read")
        require(percentile(taken, 0.99) <= NEIGHBOUR_SECONDS_MAX, f"neighbours waited {max(taken):.2f} s")
        s2.running().signal(signal.SIGCONT)
        town.wire().heal()
        town.settle(within=90)
    print(f"  {town.audit()}; before: neighbours p99 {percentile(calm, 0.99) * 1000:.0f} ms; " + "; ".join(figures), flush=True)
    require(alice.all("disconnected") == [] == carol.all("disconnected"), "nobody at s1 lost their connection")


def neighbours(town: Town) -> list[float]:
    """alice and carol, both of s1, talk in turns; how long each message took."""
    since = {name: len(town.books.ledgers[name].records()) for name in ("alice@s1", "carol@s1")}
    for _ in range(ROUNDS):
        for author, reader in (("alice", "carol"), ("carol", "alice")):
            town[reader].expect("message", id=town.say(town[author], town[reader].name))
    return (town.seconds_to_show("alice@s1", "carol@s1", since["alice@s1"])
            + town.seconds_to_show("carol@s1", "alice@s1", since["carol@s1"]))


@shows("fault 9", is_long=True)
def scenario_small_messages_pass_big_files_on_a_thin_line(play: Play) -> None:
    """2 Mbit/s between two servers, files that fill it, and words between the same people."""
    town = Town(play)
    alice, bob, dave = town["alice"], town["bob"], town["dave"]
    town.say(alice, bob.name)
    town.say(bob, alice.name)
    town.settle()
    sources = [make_file(play.folder / f"{number}.bin", FILE_BYTES, number) for number in range(FILES)]
    files = {offer(alice, to.name, source): (to, source) for source in sources for to in (bob, dave)}
    for file_id, (to, _) in files.items():
        expect_state(to, file_id, "offered")
    town.wire().set(bytes_per_second=LINE_BYTES_PER_SECOND)
    since = {client.name: len(town.books.ledgers[client.name].records()) for client in (alice, bob)}
    started, passed = time.monotonic(), town.wire().bytes_passed["s1"]
    for file_id, (to, _) in files.items():
        to.say({"do": "accept", "id": file_id, "path": str(play.folder / f"got-{file_id}")})
    said = 0
    while any(find_end(to, file_id) is None for file_id, (to, _) in files.items()):
        require(time.monotonic() < started + 90, "the files do not end")
        for author, reader in ((alice, bob), (bob, alice)):
            reader.expect("message", id=town.say(author, reader.name))
            said += 1
    seconds = time.monotonic() - started
    # Under load our own proxy may be a thinner line than it is told to be.
    rate = (town.wire().bytes_passed["s1"] - passed) / seconds
    town.wire().heal()
    town.settle()
    to_bob, to_alice = (town.seconds_to_show(author.name, reader.name, since[author.name])
                        for author, reader in ((alice, bob), (bob, alice)))
    for file_id, (to, source) in files.items():
        done = expect_state(to, file_id, "complete")
        require(sha256(done["path"]) == sha256(source), "the file came as it went")
    print(f"  {town.audit()}; {len(files) * FILE_BYTES >> 10} KiB in {seconds:.0f} s at "
          f"{rate / 1e3:.0f} kB/s; {said} small messages meanwhile, with the files p50 "
          f"{percentile(to_bob, 0.5):.2f} s, p99 {percentile(to_bob, 0.99):.2f} s, against them p99 "
          f"{percentile(to_alice, 0.99):.2f} s", flush=True)
    require(percentile(to_bob, 0.99) <= SMALL_SECONDS_MAX * max(1.0, LINE_BYTES_PER_SECOND / rate), "small messages wait for files")
