"""Starts nodes and clients as processes, tells them what to do and waits for what they say.

Standard library only, since the demo uses it too. Nothing here sleeps: a wait ends when the output that it waits for
arrives, when the process ends, or at its deadline, which is then a failure that names what was missing.
"""
from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
import threading
import time
import uuid
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, Callable, TypeVar

ROOT = Path(__file__).resolve().parents[2]
Event = dict[str, Any]
Found = TypeVar("Found")
Scenario = TypeVar("Scenario", bound=Callable[..., None])
# Who dials, who is dialled, and the latter's link port: what stands in the setup of the first for the second.
Entry = Callable[[str, str, int], Any]

# The longest that anything may take on a loaded machine of two cores; what is green takes a fraction.
PATIENCE_SECONDS = 45.0
# Who lives where in most plays.
PEOPLE: dict[str, tuple[str, ...]] = {"s1": ("alice", "carol"), "s2": ("bob", "dave")}
# The fewest that the node takes; a login need not be slow here.
PASSWORD_ITERATIONS = 4096
STARTS_MAX = 5
TRANSCRIPT_LINES_MAX = 40

READY = re.compile(r"^ready (\S+) clients=(\S+):(\d+) links=(\S+):(\d+) fingerprint=(ed25519:\S+)$")


class Failed(AssertionError):
    """Something that the play claims is not so."""


class NotHere(Exception):
    """The kernel of this machine does not do what the play needs, so that nothing was claimed."""


def shows(*rows: str, is_long: bool = False) -> Callable[[Scenario], Scenario]:
    """Which rows of Docs/testing.md a play shows, such as "fault 7". A long one is played only when it is asked for."""
    def mark(scenario: Scenario) -> Scenario:
        setattr(scenario, "rows", rows)
        setattr(scenario, "is_long", is_long)
        return scenario

    return mark


class PortTaken(Exception):
    """Somebody took a port between our choosing it and the node's listening on it."""


def require(holds: bool, what: str) -> None:
    if not holds:
        raise Failed(what)


def password_of(user: str) -> str:
    return f"{user} keeps this to themselves"


def accounts(users: tuple[str, ...]) -> dict[str, str]:
    return {user: password_of(user) for user in users}


def plain_entry(dialler: str, acceptor: str, port: int) -> str:
    return f"127.0.0.1:{port}"


def new_id() -> str:
    """A version 7 UUID (RFC 9562 §5.7), the form of a message id."""
    milliseconds = time.time_ns() // 1_000_000
    value = milliseconds << 80 | 7 << 76 | random.getrandbits(12) << 64 | 2 << 62 | random.getrandbits(62)
    return str(uuid.UUID(int=value))


class Ports:
    """Chooses free loopback ports for listeners that must be known before they listen.

    Two nodes name each other's link port in their setup, so port 0 does not do. The ports lie below the range from
    which the kernel takes those of outgoing connections: there, a client or a link could take the port of a node that
    is down for a moment, and a dial to it could even connect to itself. No port is assumed free: each is bound once
    to see, and whoever starts a node tries others if it was taken since (`PortTaken`).
    """

    def __init__(self) -> None:
        lowest_outgoing = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
        self.candidates = list(range(max(1024, lowest_outgoing - 16_000), lowest_outgoing))
        random.shuffle(self.candidates)

    def take(self) -> int:
        while self.candidates:
            port = self.candidates.pop()
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError:
                    continue
                return port
        raise Failed("no free loopback port is left")


class Process:
    """A child whose output is read by threads, so that neither side ever blocks on a full pipe."""

    def __init__(
        self, name: str, command: list[str | Path], home: Path, environment: dict[str, str] | None = None,
        log_file: Path | None = None, is_apart: bool = False, changed: threading.Condition | None = None,
    ):
        self.name = name
        self.lines: list[str] = []
        self.log: list[str] = []
        self.log_file = log_file
        self.is_apart = is_apart
        # Shared by the processes of a play, so that a wait may look at several.
        self.changed = changed or threading.Condition()
        # The kernel ends the child if this program is killed, so that nothing is left running.
        self.child = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "--", *command],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            cwd=home, env=clean_environment(home) | (environment or {}), start_new_session=is_apart,
        )
        assert self.child.stdin and self.child.stdout and self.child.stderr
        self.readers = [
            threading.Thread(target=self.read, args=(self.child.stdout, self.take), daemon=True),
            threading.Thread(target=self.read, args=(self.child.stderr, self.note), daemon=True),
        ]
        self.open_pipes = len(self.readers)
        for reader in self.readers:
            reader.start()

    def read(self, pipe: Any, keep: Callable[[str], None]) -> None:
        with pipe:
            for line in pipe:
                with self.changed:
                    keep(line.decode("utf-8", "replace").rstrip("\n"))
                    self.changed.notify_all()
        with self.changed:
            self.open_pipes -= 1
            self.changed.notify_all()

    def take(self, line: str) -> None:
        self.lines.append(line)

    def note(self, line: str) -> None:
        self.log.append(line)
        if self.log_file:
            with self.log_file.open("a") as file:
                file.write(line + "\n")

    def wait(self, find: Callable[[], Found | None], what: str, within: float = PATIENCE_SECONDS) -> Found:
        """Waits until `find` returns something that is neither None nor False."""
        deadline = time.monotonic() + within
        with self.changed:
            while True:
                found = find()
                if found is not None and found is not False:
                    return found
                if self.open_pipes == 0:
                    raise Failed(f"{self.name} ended (code {self.child.wait()}) before: {what}")
                remaining = deadline - time.monotonic()
                if remaining <= 0:
                    raise Failed(f"{self.name}: waited {within:.0f} s for: {what}")
                self.changed.wait(remaining)

    def write(self, line: str) -> None:
        assert self.child.stdin
        self.child.stdin.write(line.encode() + b"\n")
        self.child.stdin.flush()

    def ended(self, within: float = PATIENCE_SECONDS) -> int:
        """The exit code, once the process has ended by itself."""
        try:
            code = self.child.wait(within)
        except subprocess.TimeoutExpired:
            raise Failed(f"{self.name} was to end within {within:.0f} s") from None
        for reader in self.readers:
            reader.join()
        return code

    def kill(self) -> None:
        """SIGKILL: no chance to say or save anything."""
        self.child.kill()
        self.ended()

    def signal(self, number: int) -> None:
        self.child.send_signal(number)

    def end(self) -> None:
        """SIGKILL to the child, if it runs; to whatever it started too, if they are apart from us."""
        if self.is_running and self.is_apart:
            os.killpg(self.child.pid, signal.SIGKILL)
        elif self.is_running:
            self.child.kill()

    @property
    def is_running(self) -> bool:
        return self.child.poll() is None

    def transcript(self) -> list[str]:
        with self.changed:
            told = [f"  {self.name} > {line}" for line in self.lines[-TRANSCRIPT_LINES_MAX:]]
            return told + [f"  {self.name} ! {line}" for line in self.log[-TRANSCRIPT_LINES_MAX:]]


def clean_environment(home: Path) -> dict[str, str]:
    """Nothing of the caller's environment decides where a profile lies."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "LANG": "C.UTF-8",
        # A crash would otherwise keep the pipes open while it is being described.
        "SWIFT_BACKTRACE": "enable=no",
    }


class Node:
    """One node with its setup; its process comes and goes."""

    def __init__(self, play: Play, name: str, setup: dict[str, Any]):
        self.play = play
        self.name = name
        self.folder = play.folder / name
        self.folder.mkdir(exist_ok=True)
        self.process: Process | None = None
        self.client_port = 0
        self.link_port = 0
        self.fingerprint = ""
        # Words before those of the program, and variables: where it is to run in a world of its own.
        self.prefix: list[str | Path] = []
        self.environment: dict[str, str] = {}
        self.setup_file = self.folder / "setup.json"
        self.write_setup(setup)

    def write_setup(self, setup: dict[str, Any]) -> None:
        self.setup = setup
        self.setup_file.write_text(json.dumps(setup, indent=2))

    def command(self, *words: str) -> list[str | Path]:
        return [self.play.binaries / "postroad-node", *words, "--setup", self.setup_file]

    def launch(self) -> Process:
        """Starts the process without waiting for it."""
        command = [*self.prefix, *self.command("run")]
        self.process = self.play.spawn(self.name, command, self.folder, **self.environment)
        return self.process

    def start(self) -> None:
        process = self.launch()
        try:
            ready = process.wait(lambda: next(filter(None, map(READY.match, process.lines)), None), "ready")
        except Failed:
            if not process.is_running and any("in use" in line or "taken" in line for line in process.log):
                raise PortTaken from None
            raise
        require(ready[1] == self.name, f"{self.name} calls itself {ready[1]}")
        self.client_port, self.link_port, self.fingerprint = int(ready[3]), int(ready[5]), ready[6]

    def restart(self) -> None:
        try:
            self.start()
        except PortTaken:
            raise Failed(f"another program took a port of {self.name} while it was down") from None

    def running(self) -> Process:
        if self.process is None:
            raise Failed(f"{self.name} was never started")
        return self.process

    def kill(self) -> None:
        self.running().kill()

    def stop(self) -> int:
        self.running().signal(signal.SIGTERM)
        return self.running().ended(within=10)

    @property
    def log(self) -> list[str]:
        return self.running().log

    def logged(self, event: str, since: int = 0, **members: Any) -> Event | None:
        """The first line of the log from place `since` on that tells of this event."""
        for line in self.log[since:]:
            told = json.loads(line) if line.startswith("{") else {}
            if matches(told, event, members):
                return told
        return None

    def expect_log(self, event: str, since: int = 0, within: float = PATIENCE_SECONDS, **members: Any) -> Event:
        process = self.running()
        return process.wait(lambda: self.logged(event, since, **members), f"the log says {event} {members}", within)

    def peak_kib(self) -> int:
        """The most memory that the process has had resident (`VmHWM`)."""
        return self.status_kib("VmHWM")

    def descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self.running().child.pid}/fd"))

    def status_kib(self, name: str) -> int:
        status = Path(f"/proc/{self.running().child.pid}/status").read_text()
        found = re.search(rf"^{name}:\s+(\d+) kB$", status, re.MULTILINE)
        if found is None:
            raise Failed(f"the system tells no {name} of {self.name}")
        return int(found[1])

    def database(self) -> Path:
        found = self.folder / "data/node.db"
        require(is_sqlite(found), f"{found} is no database")
        return found

    def rows(self, query: str, *values: Any) -> list[Any]:
        with closing(sqlite3.connect(self.database(), timeout=10)) as database:
            return database.execute(query, values).fetchall()

    def spool_rows(self, query: str, *values: Any) -> list[Any]:
        with closing(sqlite3.connect(self.folder / "data/spool.db", timeout=10)) as database:
            return database.execute(query, values).fetchall()

    def stored_envelope(self, message_id: str) -> str:
        """The envelope as it lies on disk."""
        rows = self.rows("SELECT envelope FROM message WHERE id = ?", uuid.UUID(message_id).bytes)
        require(len(rows) == 1, f"{self.name} was to hold one record of {message_id}, holds {len(rows)}")
        return bytes(rows[0][0]).decode()

    def stored_ids(self) -> set[str]:
        return {str(uuid.UUID(bytes=bytes(row[0]))) for row in self.rows("SELECT id FROM message")}

    def holds_text(self, text: str) -> bool:
        return self.holds(text.encode())

    def holds(self, data: bytes) -> bool:
        """Whether any file of the node holds these bytes."""
        return any(data in path.read_bytes() for path in self.folder.rglob("*") if path.is_file())


def is_sqlite(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(16) == b"SQLite format 3\0"


class Client(Process):
    """`postroad --json`: commands go in, events come out."""

    def __init__(self, name: str, command: list[str | Path], home: Path, changed: threading.Condition | None = None):
        self.events: list[Event] = []
        self.ref = 0
        super().__init__(name, command, home, changed=changed)

    def take(self, line: str) -> None:
        super().take(line)
        try:
            event = json.loads(line)
        except ValueError:
            event = {"event": f"a line that is no JSON: {line}"}
        self.events.append(event)

    def say(self, command: Event) -> None:
        self.write(json.dumps(command))

    def find(self, kind: str, since: int = 0, **members: Any) -> Event | None:
        return next((event for event in self.events[since:] if matches(event, kind, members)), None)

    def all(self, kind: str, **members: Any) -> list[Event]:
        with self.changed:
            return [event for event in self.events if matches(event, kind, members)]

    def expect(self, kind: str, since: int = 0, within: float = PATIENCE_SECONDS, **members: Any) -> Event:
        """The first such event from place `since` on, now or soon."""
        return self.wait(lambda: self.find(kind, since, **members), f"{kind} {members}", within)

    def mark(self) -> int:
        """The place from which events are new."""
        with self.changed:
            return len(self.events)

    def ask(self, do: str, **members: Any) -> list[Event]:
        """Gives a command and returns all of its replies."""
        self.ref += 1
        since, ref = self.mark(), self.ref
        self.say({"do": do, "ref": ref} | members)
        self.expect("done", since, ref=ref)
        return [event for event in self.events[since:] if event.get("ref") == ref and event["event"] != "done"]

    def send(self, to: str, text: str, message_id: str | None = None) -> str:
        """Sends without waiting for any answer; returns the id."""
        message_id = message_id or new_id()
        self.say({"do": "message", "to": to, "text": text, "id": message_id})
        return message_id

    def states(self) -> dict[str, str]:
        """The latest state of each message."""
        return {event["id"]: event["state"] for event in self.all("state")}

    def course(self, message_id: str) -> list[str]:
        """The states of one message in their order; the same one told again counts once."""
        states: list[str] = []
        for event in self.all("state", id=message_id):
            if event["state"] not in states[-1:]:
                states.append(event["state"])
        return states

    def count(self, state: str, among: list[str]) -> int:
        states = self.states()
        return sum(states.get(message_id) == state for message_id in among)

    def expect_all(self, state: str, ids: list[str]) -> None:
        self.wait(lambda: self.count(state, ids) == len(ids), f"{len(ids)} messages {state}")

    def status_of(self, address: str) -> str | None:
        with self.changed:
            told = [event for event in self.events if matches(event, "person", {"address": address})]
        return told[-1]["status"] if told else None

    def expect_status(self, address: str, status: str) -> None:
        """The latest word on somebody is `status`, now or soon."""
        self.ask("who")
        self.wait(lambda: self.status_of(address) == status, f"{address} is {status}")

    def expect_online(self, address: str) -> Event:
        """The latest word on somebody is that they are online, with the fingerprint of their key, now or soon."""
        self.ask("who")
        return self.wait(lambda: self.online(address), f"{address} is online with a key")

    def online(self, address: str) -> Event | None:
        told = [event for event in self.events if matches(event, "person", {"address": address})]
        is_online = told and told[-1]["status"] == "online" and told[-1].get("fingerprint")
        return told[-1] if is_online else None

    def history(self, conversation: str, count: int = 500) -> list[Event]:
        events = self.ask("history", conversation=conversation, count=count)
        return [event for event in events if event["event"] == "message"]

    def texts(self, **members: Any) -> list[str]:
        """What was said, live and not as an answer to `history`."""
        return [event["text"] for event in self.all("message", **members) if not event.get("history")]

    def quit(self) -> int:
        self.say({"do": "quit"})
        return self.ended()


def matches(event: Event, kind: str, members: dict[str, Any]) -> bool:
    return event.get("event") == kind and all(event.get(name) == value for name, value in members.items())


class Play:
    """One scenario: a folder of its own, and every process that it started; nothing outlives it."""

    def __init__(self, binaries: Path | None = None, seed: int = 1):
        self.binaries = binaries or Path(os.environ.get("POSTROAD_BINARIES", ROOT / ".build/debug"))
        self.folder = Path(tempfile.mkdtemp(prefix="postroad-"))
        self.ports = Ports()
        self.changed = threading.Condition()
        self.processes: list[Process] = []
        # Where each process keeps its log too, if anybody is to read them meanwhile.
        self.log_folder: Path | None = None
        # In a session of its own a process hears nothing of what is typed on our terminal, and ends with all it started.
        self.is_apart = False
        self.nodes: dict[str, Node] = {}
        # What a play leaves to chance comes from here, so that it can be played again.
        self.seed = seed
        # What a client is made with; a play that keeps books takes another one.
        self.make_client: Callable[..., Client] = Client
        # What else ends with the play, before the processes do.
        self.closing = ExitStack()

    def __enter__(self) -> Play:
        return self

    def __exit__(self, *_: Any) -> None:
        try:
            self.closing.close()
        finally:
            for process in self.processes:
                process.end()
            for process in self.processes:
                process.ended()
            shutil.rmtree(self.folder, ignore_errors=True)

    def spawn(self, name: str, command: list[str | Path], home: Path, **environment: str) -> Process:
        log_file = self.log_folder / f"{name}.log" if self.log_folder else None
        process = Process(name, command, home, environment, log_file, self.is_apart, self.changed)
        self.processes.append(process)
        return process

    def run(self, *command: str | Path, within: float = PATIENCE_SECONDS, **environment: str) -> Process:
        """Runs a program to its end. Its first word is its name in the binaries' folder."""
        process = self.spawn(str(command[0]), [self.binaries / command[0], *command[1:]], self.folder, **environment)
        process.ended(within)
        return process

    def setup(self, name: str, **members: Any) -> dict[str, Any]:
        """The setup of a node that nobody else knows, on ports that the kernel chooses."""
        return {
            "server_name": name,
            "admin": accounts(PEOPLE.get(name, ())),
            "mailing_address": {},
            "client_address": "127.0.0.1:0",
            "link_address": "127.0.0.1:0",
            "password_iterations": PASSWORD_ITERATIONS,
        } | members

    def node(self, name: str, **members: Any) -> Node:
        """Starts one node; `members` go into its setup."""
        node = self.nodes[name] = Node(self, name, self.setup(name, **members))
        node.start()
        return node

    def pair(self, people: dict[str, tuple[str, ...]] = PEOPLE) -> tuple[Node, Node]:
        """Starts `s1` and `s2`, each with the other's address."""
        s1, s2 = self.servers(people)
        return s1, s2

    def servers(
        self, people: dict[str, tuple[str, ...]], entry: Entry = plain_entry, others: dict[str, Any] | None = None,
        **members: Any,
    ) -> list[Node]:
        """Starts a node for each name; `entry` makes what the setup of each says of each other one, and `others` are
        entries of servers that are none of these."""
        for _ in range(STARTS_MAX):
            ports = {name: (self.ports.take(), self.ports.take()) for name in people}
            for name, (clients, links) in ports.items():
                self.nodes[name] = Node(self, name, self.setup(
                    name,
                    admin=accounts(people[name]),
                    client_address=f"127.0.0.1:{clients}",
                    link_address=f"127.0.0.1:{links}",
                    mailing_address=(others or {}) | {
                        peer: entry(name, peer, ports[peer][1]) for peer in people if peer != name},
                    **members,
                ))
            try:
                for name in people:
                    self.nodes[name].start()
                return [self.nodes[name] for name in people]
            except PortTaken:
                for name in people:
                    if self.nodes[name].process is not None and self.nodes[name].running().is_running:
                        self.nodes[name].kill()
        raise Failed(f"no servers found free ports in {STARTS_MAX} attempts")

    def client_command(
        self, address: str, profile: str | None = None, mode: str = "--json"
    ) -> tuple[list[str | Path], Path]:
        user, server = address.split("@")
        home = self.folder / f"home-{profile or user}"
        home.mkdir(mode=0o700, exist_ok=True)
        password = home / "password"
        password.write_text(password_of(user) + "\n")
        password.chmod(0o600)
        place = f"127.0.0.1:{self.nodes[server].client_port}"
        program = [*self.nodes[server].prefix, self.binaries / "postroad"]
        return [*program, address, "--server", place, mode, "--password-file", password], home

    def client(self, address: str, profile: str | None = None) -> Client:
        """Starts a client on the profile of that name (the user's, unless said) and waits until it is connected."""
        client = self.unconnected_client(address, profile)
        client.expect("connected", address=address)
        return client

    def unconnected_client(self, address: str, profile: str | None = None) -> Client:
        command, home = self.client_command(address, profile)
        client = self.make_client(profile or address, command, home, self.changed)
        self.processes.append(client)
        return client

    def four(self) -> tuple[Client, Client, Client, Client]:
        """alice and carol of s1, bob and dave of s2, each of whom sees all four online with their keys."""
        clients = [self.client(f"{user}@{server}") for server, users in PEOPLE.items() for user in users]
        for client in clients:
            for other in clients:
                client.expect_online(other.name)
        alice, carol, bob, dave = clients
        return alice, carol, bob, dave

    def transcript(self) -> str:
        """The last that each process said (`>`) and logged (`!`)."""
        return "\n".join(line for process in self.processes for line in process.transcript())
