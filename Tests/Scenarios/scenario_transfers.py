"""Files: across servers, later, through kills and cuts; whole and equal, or honestly failed."""
from __future__ import annotations

import hashlib
import random
import time
from pathlib import Path

from harness import Client, Event, Failed, Node, Play, new_id, require
from peer import Peer, encode
from scenario_line_mode import harmful, lines

CHUNK_BYTES = 49_152
# A name that a file may have: all but the slash and the zero.
FOUL = "..\x1b[2J\x1b]0;owned\x07\u202egpj.exe\u2066\x9b31m\x7f\r\nnext"
# The files of the crowd: enough that everything happens while something else does.
CROWD_FILES = 100
CROWD_BYTES_MAX = 1 << 20
CROWD = {"s1": tuple(f"p{n}" for n in range(10)), "s2": tuple(f"q{n}" for n in range(10))}
# What a node may need for files above what it needs without: each session has at most 8 chunks under way, a link 16.
NODE_KIB_MAX = 160 << 10


def make_file(path: Path, count: int, seed: int = 1) -> Path:
    path.write_bytes(random.Random(seed).randbytes(count))
    return path


def sha256(path: Path | str) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def offer(sender: Client, to: str, path: Path) -> str:
    """Gives the command and waits for nothing; returns the id of the file."""
    file_id = new_id()
    sender.say({"do": "file", "to": to, "path": str(path), "id": file_id})
    return file_id


def state_of(client: Client, file_id: str) -> str | None:
    told = client.all("file", id=file_id)
    return told[-1]["state"] if told else None


def expect_state(client: Client, file_id: str, state: str, within: float = 45.0) -> Event:
    client.wait(lambda: find_end(client, file_id) not in (None, state) or client.find("file", id=file_id, state=state),
                f"file {file_id} {state}", within)
    found = client.find("file", id=file_id, state=state)
    if found is None:
        raise Failed(f"{client.name}: the file ended as {client.all('file', id=file_id)[-1]}, not as {state}")
    return found


def find_end(client: Client, file_id: str) -> str | None:
    ends = ("complete", "failed", "cancelled")
    return next((event["state"] for event in client.events
                 if event.get("event") == "file" and event.get("id") == file_id and event["state"] in ends), None)


def spooled(node: Node) -> tuple[int, int]:
    """Files that can still be fetched or uploaded, and chunks on disk."""
    (files,), = node.spool_rows("SELECT count(*) FROM file WHERE state < 2")
    (chunks,), = node.spool_rows("SELECT count(*) FROM chunk")
    return files, chunks


def scenario_a_file_reaches_somebody_who_was_away_through_a_kill_of_their_node(play: Play) -> None:
    s1, s2 = play.pair()
    alice, bob = play.client("alice@s1"), play.client("bob@s2")
    alice.expect_online(bob.name)
    alice.ask("keys", of=bob.name)
    require(bob.quit() == 0, "bob leaves")
    source = make_file(play.folder / "holiday.bin", 20 << 20)
    file_id = offer(alice, bob.name, source)
    offered = expect_state(alice, file_id, "offered", within=120)  # each chunk waits for the disk
    require(offered["of"] == 20 << 20, f"alice was told {offered}")
    require(not s1.holds_text("holiday.bin") and not s2.holds_text("holiday.bin"), "no node knows the name")
    bob = play.client("bob@s2")
    told = bob.expect("file", id=file_id, state="offered")
    require((told["from"], told["name"], told["of"]) == (alice.name, "holiday.bin", 20 << 20), f"bob was told {told}")
    downloads = play.folder / "downloads"
    downloads.mkdir()
    bob.say({"do": "accept", "id": file_id, "path": str(downloads)})
    deadline = time.monotonic() + 45
    while sum(path.stat().st_size for path in downloads.iterdir()) < 1 << 20:
        require(time.monotonic() < deadline, "nothing of the file comes")
        bob.ask("files")
    require(find_end(bob, file_id) is None, "it is on its way when the node is killed")
    s2.kill()
    bob.expect("disconnected")
    s2.restart()
    done = expect_state(bob, file_id, "complete", within=90)
    require(sha256(done["path"]) == sha256(source), "the file came as it went")
    require(Path(done["path"]) == downloads / "holiday.bin", f"it lies at {done['path']}")
    require([path.name for path in downloads.iterdir()] == ["holiday.bin"], "nothing else lies beside it")
    expect_state(alice, file_id, "complete")
    expect_empty(s1, alice)
    expect_empty(s2, bob)


def expect_empty(node: Node, client: Client) -> None:
    """What has ended is deleted in steps; each answer to somebody there shows that another moment has passed."""
    deadline = time.monotonic() + 30
    while spooled(node) != (0, 0):
        require(time.monotonic() < deadline, f"the spool of {node.name} holds {spooled(node)} files and chunks")
        client.ask("who")


def scenario_a_foul_name_is_seen_and_not_obeyed(play: Play) -> None:
    """In lines, in JSON, in the logs and in the folder for downloads."""
    s1, s2 = play.pair()
    mallory, bob = play.client("alice@s1"), play.client("bob@s2")
    carol, dave = lines(play, "carol@s1"), lines(play, "dave@s2")
    carol.expect("bob@s2", "online")
    dave.expect("alice@s1", "online")
    folder = play.folder / "foul"
    folder.mkdir()
    source = make_file(folder / FOUL, 100)
    for to in ("bob@s2", "dave@s2", "public"):
        expect_state(mallory, offer(mallory, to, source), "offered")
    told = bob.expect("file", state="offered", to="bob@s2")
    require(told["name"] == FOUL, f"a program gets the name as it is, not {told['name']!r}")
    for reader in (carol, dave):
        reader.expect("alice@s1 offers file", "\\u{1b}[2J", "\\u{202e}")
    downloads = play.folder / "downloads"
    downloads.mkdir()
    bob.say({"do": "accept", "id": told["id"], "path": str(downloads)})
    done = expect_state(bob, told["id"], "complete")
    (got,) = downloads.iterdir()
    require(str(got) == done["path"] and got.read_bytes() == source.read_bytes(), f"it lies at {got}")
    require(not harmful(got.name) and "/" not in got.name and not got.name.startswith("."), f"it is called {got.name!r}")
    for process in (mallory, bob, carol, dave):
        for line in process.lines + process.log:
            require(not harmful(line), f"{process.name} printed {line!r}")
    for node in (s1, s2):
        require(not any("2J" in line or harmful(line) for line in node.log), f"{node.name} logs {node.log}")


def scenario_a_hundred_files_among_twenty_people_with_cuts(play: Play) -> None:
    play.people = CROWD
    nodes = dict(zip(CROWD, play.pair(CROWD)))
    people = {f"{user}@{server}": play.client(f"{user}@{server}") for server, users in CROWD.items() for user in users}
    for client in people.values():
        client.expect_online("p9@s1")
        client.expect_online("q9@s2")
    chance = random.Random(20)
    files: dict[str, tuple[str, str, Path]] = {}
    for number in range(CROWD_FILES):
        sender, recipient = chance.sample(sorted(people), 2)
        path = make_file(play.folder / f"{number}.bin", chance.choice([0, 1, CHUNK_BYTES, chance.randrange(CROWD_BYTES_MAX)]),
                         number)
        files[offer(people[sender], recipient, path)] = (sender, recipient, path)
    accepted: set[str] = set()
    cuts = [12, 30, 50, 70, 85]
    for goal in [*cuts, CROWD_FILES]:
        progress(people, files, accepted, goal, play)
        if goal in cuts:
            cut(play, nodes, people, accepted, chance, cuts.index(goal))
    ended = {file_id: find_end(people[recipient], file_id) for file_id, (_, recipient, _) in files.items()}
    complete = [file_id for file_id, end in ended.items() if end == "complete"]
    for file_id in complete:
        sender, recipient, path = files[file_id]
        got = people[recipient].find("file", id=file_id, state="complete")
        require(got is not None and sha256(got["path"]) == sha256(path), f"{path} came as it went")
    for file_id, (sender, _, _) in files.items():
        people[sender].wait(lambda: find_end(people[sender], file_id), "its sender knows the end", within=60)
    expect_empty(nodes["s1"], people["p0@s1"])
    expect_empty(nodes["s2"], people["q0@s2"])
    peaks = {name: node.peak_kib() for name, node in nodes.items()}
    print(f"  {len(complete)} of {CROWD_FILES} files complete, {len(cuts)} cuts, peak memory of the nodes: "
          + ", ".join(f"{name} {kib // 1024} MiB" for name, kib in peaks.items()), flush=True)
    require(len(complete) == CROWD_FILES, f"ends other than complete: {[end for end in ended.values() if end != 'complete']}")
    require(max(peaks.values()) < NODE_KIB_MAX, f"a node took {peaks} KiB")


def progress(people: dict[str, Client], files: dict[str, tuple[str, str, Path]], accepted: set[str], goal: int,
             play: Play) -> None:
    """Accepts what is offered until `goal` files have ended at their recipients."""
    def ended() -> int:
        for file_id, (_, recipient, _) in files.items():
            if file_id not in accepted and people[recipient].find("file", id=file_id, state="offered"):
                accepted.add(file_id)
                people[recipient].say({"do": "accept", "id": file_id, "path": str(play.folder / f"got-{file_id}")})
        return sum(find_end(people[recipient], file_id) is not None for file_id, (_, recipient, _) in files.items())

    while ended() < goal:
        waiting = next(people[recipient] for file_id, (_, recipient, _) in files.items()
                       if find_end(people[recipient], file_id) is None)
        mark = waiting.mark()
        waiting.wait(lambda: ended() >= goal or waiting.mark() > mark, f"{goal} files have ended", within=60)


def cut(play: Play, nodes: dict[str, Node], people: dict[str, Client], accepted: set[str], chance: random.Random,
        number: int) -> None:
    """SIGKILL to a node, or to a client that comes back on its profile."""
    if number % 2 == 0:
        node = nodes["s1" if number % 4 == 0 else "s2"]
        node.kill()
        node.restart()
        return
    name = chance.choice(sorted(people))
    old = people[name]
    old.kill()
    people[name] = play.client(name)
    # What the old process was told counts: a file that had ended is not told again.
    people[name].events[:0] = old.events


def scenario_a_server_that_gives_no_chunks_keeps_nobody_from_talking(play: Play) -> None:
    """As many chunks as a client may ask for stay unanswered: its words go out all the same, and its node is there."""
    with Peer("s9", "s1") as peer:
        node = play.node("s1", mailing_address={"s9": {"key": peer.key_text}})
        alice = play.client("alice@s1")
        link = peer.dial(node.link_port).prove()
        ids = [new_id() for _ in range(3)]
        for seq, file_id in enumerate(ids, 1):
            link.envelope(seq, {
                "id": file_id, "from": "zoe@s9", "to": "public", "at": 1_795_000_000_000,
                "file": {"name": "never", "bytes": 20 * CHUNK_BYTES, "digest": encode(bytes(32)), "key": encode(bytes(32)),
                         "chain": encode(bytes(32))},
            })
            expect_state(alice, file_id, "offered")
            alice.say({"do": "accept", "id": file_id})
        link.expect("chunkWanted")
        link.expect("chunkWanted", id=ids[1])
        sent = alice.send("public", "may I say something?")
        alice.expect("state", id=sent, state="accepted", within=9.0)
