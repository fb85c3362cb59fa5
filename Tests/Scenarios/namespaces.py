"""Machines of their own: network namespaces joined by cables (veth pairs), and what may happen to a cable.

A namespace is held open by a process of the play and has no name, so the kernel removes it, with its end of every cable,
when that process ends; it ends with the play, also if the play is killed. Root can make namespaces, and so can anybody
where the kernel lets users have namespaces of their own. Whether this machine can is decided by asking the kernel
(`unavailable`); if it can and something else is missing, that is a failure and no excuse.
"""
from __future__ import annotations

import itertools
import os
import shutil
import subprocess
from typing import Any

from harness import PATIENCE_SECONDS, Node, Play, Process, accounts, require

CLIENT_PORT, LINK_PORT = 5001, 5555
READY = "the namespace is ready"
ALONE = ["unshare", "--net", "--mount"]
AS_USER = ["unshare", "--user", "--map-root-user", "--net", "--mount"]


def own_namespaces() -> list[str]:
    """How this process makes namespaces: as root, or as a user who is root in a namespace of users."""
    return ALONE if os.geteuid() == 0 and attempt(ALONE) == "" else AS_USER


def attempt(command: list[str]) -> str:
    """Empty if the kernel does it, else its words."""
    done = subprocess.run([*command, "true"], capture_output=True, text=True, timeout=PATIENCE_SECONDS)
    return "" if done.returncode == 0 else done.stderr.strip() or f"code {done.returncode}"


def unavailable() -> str:
    """Why this machine can make no network namespaces; empty if it can. Only the kernel's refusal counts."""
    require(shutil.which("unshare") is not None, "unshare (util-linux) is missing; run Scripts/install-packages --tests")
    as_root, as_user = attempt(ALONE), attempt(AS_USER)
    return f"as root: {as_root}; as a user: {as_user}" if as_root and as_user else ""


class Machine:
    """A network namespace with nothing but loopback and its cables, and mounts of its own for the file of hosts."""

    def __init__(self, play: Play, name: str, inside: Machine | None):
        self.play = play
        self.name = name
        # All machines of a user lie in one namespace of users, that of the first.
        make = [*inside.enter, *ALONE] if inside else own_namespaces()
        self.is_users = "--user" in make or (inside is not None and inside.is_users)
        script = f"ip link set lo up && echo {READY}; exec cat"
        self.holder: Process = play.spawn(f"machine {name}", [*make, "sh", "-c", script], play.folder)
        self.holder.wait(lambda: READY in self.holder.lines, "a namespace")
        self.hosts = play.folder / f"hosts-{name}"
        self.hosts.write_text("127.0.0.1 localhost\n")
        self.run("mount", "--bind", str(self.hosts), "/etc/hosts")

    @property
    def enter(self) -> list[str]:
        """What comes before the words of a command, so that it runs there; a change of user forgets who its parent is."""
        pid = str(self.holder.child.pid)
        users = ["--user", "--preserve-credentials"] if self.is_users else []
        return ["nsenter", "--target", pid, *users, "--net", "--mount", "--", "setpriv", "--pdeathsig", "KILL", "--"]

    def run(self, *words: str) -> None:
        done = subprocess.run([*self.enter, *words], capture_output=True, text=True, timeout=PATIENCE_SECONDS)
        require(done.returncode == 0, f"{' '.join(words)} at {self.name}: {done.stderr.strip()}")


class Network:
    """A machine for each server and a cable between each two."""

    def __init__(self, play: Play, people: dict[str, tuple[str, ...]]):
        require(shutil.which("ip") is not None, "ip (iproute2) is missing; run Scripts/install-packages --tests")
        self.play = play
        self.people = people
        self.machines: dict[str, Machine] = {}
        # The address of the first at its cable to the second.
        self.addresses: dict[tuple[str, str], str] = {}
        for name in people:
            first = next(iter(self.machines.values()), None)
            self.machines[name] = Machine(play, name, first)
        for number, (one, other) in enumerate(itertools.combinations(people, 2)):
            self.lay(number, one, other)

    def lay(self, number: int, one: str, other: str) -> None:
        pid = str(self.machines[other].holder.child.pid)
        self.machines[one].run("ip", "link", "add", f"to-{other}", "type", "veth", "peer", "name", f"to-{one}", "netns", pid)
        for last, (name, peer) in enumerate(((one, other), (other, one)), 1):
            self.addresses[name, peer] = f"10.77.{number}.{last}"
            self.machines[name].run("ip", "address", "add", f"10.77.{number}.{last}/24", "dev", f"to-{peer}")
            self.machines[name].run("ip", "link", "set", f"to-{peer}", "up")
        for name, peer in ((one, other), (other, one)):
            self.write_hosts(name)

    def write_hosts(self, name: str) -> None:
        """Written over and not replaced: the machine has this very file mounted."""
        known = [f"{address} {peer}.test" for (peer, to), address in self.addresses.items() if to == name]
        self.machines[name].hosts.write_text("\n".join(["127.0.0.1 localhost", *known]) + "\n")

    def nodes(self, **members: Any) -> list[Node]:
        for name, users in self.people.items():
            node = self.play.nodes[name] = Node(self.play, name, self.play.setup(
                name, admin=accounts(users), client_address=f"127.0.0.1:{CLIENT_PORT}", link_address=f"0.0.0.0:{LINK_PORT}",
                mailing_address={peer: f"{peer}.test:{LINK_PORT}" for peer in self.people if peer != name}) | members)
            node.prefix = list(self.machines[name].enter)
            node.start()
        return [self.play.nodes[name] for name in self.people]

    # What may happen

    def set_cable(self, one: str, other: str, is_up: bool) -> None:
        """Both ends see whether the cable is plugged in."""
        self.machines[one].run("ip", "link", "set", f"to-{other}", "up" if is_up else "down")

    def swallow(self, source: str, target: str, does: bool = True) -> None:
        """What `source` sends to `target` vanishes on the way out, and nobody is told."""
        address = self.addresses[target, source]
        self.machines[source].run("ip", "route", "add" if does else "del", "blackhole", f"{address}/32")

    def move(self, name: str, peer: str, address: str) -> None:
        """`name` gets another address on that cable, and the names of its peer know it."""
        machine, device = self.machines[name], f"to-{peer}"
        machine.run("ip", "address", "del", f"{self.addresses[name, peer]}/24", "dev", device)
        machine.run("ip", "address", "add", f"{address}/24", "dev", device)
        self.addresses[name, peer] = address
        self.write_hosts(peer)
