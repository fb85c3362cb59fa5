"""The demo's prompt: who owns the terminal, and that nothing is left behind. A stand-in takes the client's place."""
from __future__ import annotations

import json
import os
import pty
import select
import signal
import sys
import termios
import time
from pathlib import Path
from typing import Any

from harness import PATIENCE_SECONDS, ROOT, Failed, Play, require

# Repeats what it reads and tells of signals; in every other mode the real client runs.
STAND_IN = """#!{python}
import json, os, signal, sys, termios
if "--line" not in sys.argv:
    os.execv({real!r}, sys.argv)
def tell(*words):
    os.write(1, (" ".join(words) + "\\n").encode())
def heard(number, _):
    tell("got", signal.Signals(number).name)
    if number == signal.SIGTERM:
        sys.exit(9)
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, heard)
settings = termios.tcgetattr(0)
settings[3] &= ~termios.ECHO
termios.tcsetattr(0, termios.TCSANOW, settings)
tell("started", *sys.argv[1:], "on", os.environ["TERM"])
for line in sys.stdin:
    tell("read", line.strip())
    if line == "/quit\\n":
        sys.exit(7)
"""


class Terminal:
    """The demo on a terminal of its own, with the stand-in as its client."""

    def __init__(self, play: Play, *options: str, script: str = "demo"):
        binaries, self.temporary = play.folder / "binaries", play.folder / "temporary"
        for folder in (binaries, self.temporary):
            folder.mkdir()
        (binaries / "postroad-node").symlink_to(play.binaries / "postroad-node")
        stand_in = binaries / "postroad"
        stand_in.write_text(STAND_IN.format(python=sys.executable, real=str(play.binaries / "postroad")))
        stand_in.chmod(0o700)
        self.seen = ""
        environment = {"POSTROAD_BINARIES": str(binaries), "TMPDIR": str(self.temporary), "TERM": "vt100"}
        self.child, self.screen = pty.fork()
        if self.child == 0:
            os.execve(ROOT / "Scripts" / script, [script, *options], os.environ | environment)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: Any) -> None:
        if self.child:
            os.kill(self.child, signal.SIGTERM)
            self.ended()
        if self.screen:
            os.close(self.screen)

    def type(self, text: str) -> None:
        os.write(self.screen, text.encode())

    def read_until(self, words: str) -> None:
        """The words appear behind those that were waited for before."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while words not in self.seen:
            if not select.select([self.screen], [], [], max(0, deadline - time.monotonic()))[0]:
                raise Failed(f"waited for {words!r}, saw {self.seen!r}")
            try:
                self.seen += os.read(self.screen, 4096).decode()
            except OSError:
                raise Failed(f"the demo ended before {words!r}, saw {self.seen!r}") from None
        self.seen = self.seen.partition(words)[2]

    def ended(self) -> int:
        child, self.child = self.child, 0
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    def close(self) -> None:
        """The window is closed, the line is cut."""
        os.close(self.screen)
        self.screen = 0

    def require_nothing_left(self) -> None:
        require(list(self.temporary.iterdir()) == [], f"files are left: {list(self.temporary.rglob('*'))}")
        deadline = time.monotonic() + PATIENCE_SECONDS
        while left := self.processes():
            if time.monotonic() > deadline:
                raise Failed(f"processes are left: {left}")
            # Nothing tells us of the end of processes that are not our children, so this looks again and again.
            select.select([], [], [], 0.02)

    def processes(self) -> list[str]:
        """The command line of everything that was started on a file in the demo's folder."""
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                command = path.read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if str(self.temporary) in command:
                found.append(command)
        return found


def scenario_the_prompt_leaves_the_terminal_to_the_client(play: Play) -> None:
    with Terminal(play) as terminal:
        for words in ("You are alice@s1", "/who", "/msg echo@s2 hello", "/keys echo@s2", "/quit", "s1.log"):
            terminal.read_until(words)
        terminal.read_until("started alice@s1 --server 127.0.0.1:")
        terminal.read_until("on vt100")
        require(len(terminal.processes()) >= 5, f"two nodes, a bot and two clients run: {terminal.processes()}")
        logs = list(terminal.temporary.glob("*/s[12].log"))
        require(len(logs) == 2 and all(json.loads(log.read_text().splitlines()[0]) for log in logs), f"logs: {logs}")
        terminal.type("\x03")
        terminal.read_until("got SIGINT")
        terminal.type("still here\n")
        terminal.read_until("read still here")
        require(not termios.tcgetattr(terminal.screen)[3] & termios.ECHO, "the stand-in has turned the echo off")
        terminal.type("/quit\n")
        terminal.read_until("read /quit")
        require(terminal.ended() == 7, "the demo ends as its client does")
        require(bool(termios.tcgetattr(terminal.screen)[3] & termios.ECHO), "the terminal is as it was")
        terminal.require_nothing_left()


def scenario_a_signal_ends_the_prompt_and_removes_everything(play: Play) -> None:
    with Terminal(play, "--prompt") as terminal:
        terminal.read_until("started")
        os.kill(terminal.child, signal.SIGTERM)
        terminal.read_until("got SIGTERM")
        require(terminal.ended() == 128 + signal.SIGTERM, "the demo says which signal ended it")
        terminal.require_nothing_left()


def scenario_a_closed_terminal_ends_the_prompt_and_removes_everything(play: Play) -> None:
    with Terminal(play) as terminal:
        terminal.read_until("started")
        terminal.close()
        require(terminal.ended() == 128 + signal.SIGHUP, "the demo says which signal ended it")
        terminal.require_nothing_left()


def scenario_a_signal_before_the_prompt_removes_everything(play: Play) -> None:
    with Terminal(play) as terminal:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not terminal.processes() and time.monotonic() < deadline:
            # As above: they are not our children.
            select.select([], [], [], 0.001)
        terminal.type("\x03")
        code = terminal.ended()
        require(code == 130, f"C-c ends what has not begun with 130, not {code}: {os.read(terminal.screen, 65536)!r}")
        terminal.require_nothing_left()


def scenario_keys_cut_and_kill_in_the_federation_demo(play: Play) -> None:
    with Terminal(play, "--watch", script="demo-federation") as demo:
        demo.read_until("s2–s3         s2: up             s3: up")
        demo.type("a")
        demo.read_until("s1–s2 cut     s1: d")
        demo.type("3")
        demo.read_until("s3 is down")
        demo.type("z")
        demo.read_until("s2–s3 silent")
        demo.type("a3")
        demo.read_until("s1–s3         s1: up             s3: up")
        demo.type("q")
        demo.read_until("everybody has everything …")
        demo.read_until("lost 0   doubled 0")
        require(demo.ended() == 0, "nothing is lost")
        demo.require_nothing_left()
