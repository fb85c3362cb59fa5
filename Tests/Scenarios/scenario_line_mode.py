"""The client for people: lines through pipes and on a terminal."""
from __future__ import annotations

import os
import pty
import re
import select
import signal
import sqlite3
import time
from contextlib import closing
from typing import Any

from harness import PATIENCE_SECONDS, Failed, Node, Play, Process, clean_environment, require

OK = 0
# What others may write to take a terminal over.
FOUL = "\x1b[2J\x1b]0;owned\x07\u202edrawkcab\u2066\x9b31m\x7f\r\nnext"
ESCAPE = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]")


class Lines(Process):
    """`postroad --line` with pipes."""

    def expect(self, *words: str, since: int = 0) -> str:
        """The first line from place `since` on that holds all the words."""
        return self.wait(
            lambda: next((line for line in self.lines[since:] if all(word in line for word in words)), None),
            f"a line with {words}")

    def mark(self) -> int:
        with self.changed:
            return len(self.lines)


def lines(play: Play, address: str, *options: str, **environment: str) -> Lines:
    command, home = play.client_command(address)
    command = [word for word in command if word != "--json"] + list(options)
    client = Lines(address, command, home, environment)
    play.processes.append(client)
    return client


class Terminal:
    """`postroad`, or a shell that may start it, on a terminal of its own."""

    def __init__(self, play: Play, address: str, shell: bool = False, **environment: str):
        command, home = play.client_command(address)
        self.command = [str(word) for word in command if word != "--json"]
        command = ["/bin/sh", "-i"] if shell else self.command
        self.home = home
        self.child, self.terminal = pty.fork()
        if self.child == 0:
            os.chdir(home)
            os.execve(command[0], command,
                      clean_environment(home) | {"TERM": "xterm", "TZ": "UTC"} | environment)
        self.seen = b""

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: Any) -> None:
        try:
            os.kill(self.child, signal.SIGKILL)
            os.waitpid(self.child, 0)
        except (ProcessLookupError, ChildProcessError):
            pass
        os.close(self.terminal)

    def plain(self, since: int = 0) -> str:
        return ESCAPE.sub(b"", self.seen[since:]).decode("utf-8", "replace")

    def expect(self, words: str, since: int = 0) -> int:
        """Reads until the words are on the screen; the place behind them."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while words not in self.plain(since):
            if not select.select([self.terminal], [], [], max(0, deadline - time.monotonic()))[0]:
                raise Failed(f"waited for {words!r}, saw {self.plain()!r}")
            try:
                self.seen += os.read(self.terminal, 4096)
            except OSError:
                raise Failed(f"it ended before {words!r}, saw {self.plain()!r}") from None
        return len(self.seen)

    def type(self, text: str) -> None:
        os.write(self.terminal, text.encode())

    def code(self) -> int:
        """The exit code; the rest of the output is read meanwhile."""
        while True:
            try:
                if not select.select([self.terminal], [], [], PATIENCE_SECONDS)[0]:
                    raise Failed(f"it does not end: {self.plain()!r}")
                data = os.read(self.terminal, 4096)
            except OSError:
                data = b""
            if not data:
                return os.waitstatus_to_exitcode(os.waitpid(self.child, 0)[1])
            self.seen += data


def harmful(line: str) -> bool:
    return any(ord(letter) < 32 or 0x7F <= ord(letter) < 0xA0 or letter in "\u202e\u2066" for letter in line)


def scenario_two_people_talk_in_lines(play: Play) -> None:
    play.pair()
    alice, bob = lines(play, "alice@s1"), lines(play, "bob@s2")
    alice.expect("You are alice@s1 and write to public")
    bob.expect("You are bob@s2")
    alice.expect("bob@s2", "online")
    alice.write("hello all")
    bob.expect("[public] alice@s1: hello all")
    alice.expect("[public] alice@s1: hello all")
    bob.write("/msg alice@s1 psst")
    alice.expect("[bob@s2 private] bob@s2: psst")
    bob.expect("[alice@s1 private] bob@s2: psst")
    alice.write("/to bob@s2")
    alice.expect("you write to bob@s2 now")
    alice.write("//etc")
    bob.expect("[alice@s1 private] alice@s1: /etc")
    alice.write("/hstory")
    alice.expect("did you mean /history?")
    alice.write("/who")
    alice.expect("  bob@s2  online")
    alice.write("/keys bob@s2")
    alice.expect("  bob@s2  ", " ")
    alice.write("/history 1")
    require(re.match(r"^\d{4}-\d\d-\d\d \d\d:\d\d \[bob@s2 private\] alice@s1: /etc$",
                     alice.wait(lambda: next((line for line in alice.lines if line.startswith("20")), None), "history"))
            is not None, "history has its time")
    require(not any("\x1b" in line for line in alice.lines + bob.lines), "no escapes off a terminal")
    alice.write("/quit")
    require(alice.ended() == OK, "quit ends it with 0")
    assert bob.child.stdin
    bob.child.stdin.close()
    require(bob.ended() == OK, "the end of input ends it with 0")


def scenario_foul_texts_are_seen_and_not_obeyed(play: Play) -> None:
    play.pair()
    mallory, bob = play.client("alice@s1"), lines(play, "bob@s2")
    bob.expect("alice@s1", "online")
    mallory.expect_online("bob@s2")
    for to in ("public", "bob@s2"):
        since = bob.mark()
        mallory.expect_all("delivered", [mallory.send(to, FOUL)])
        first = bob.expect("\\u{1b}[2J", since=since)
        require("\\u{202e}drawkcab" in first, f"what is harmful is named: {first!r}")
        bob.expect("    next", since=since)
    for line in bob.lines + bob.log:
        require(not harmful(line), f"a terminal would obey {line!r}")
    with Terminal(play, "dave@s2") as dave:
        dave.expect("\\u{1b}[2J")
        dave.expect("    next")
        require(b"\x1b[2J" not in dave.seen and b"\x1b]" not in dave.seen, f"obeyed: {dave.seen!r}")
        require("\u202e" not in dave.seen.decode("utf-8", "replace"), "nothing is turned round")


def scenario_a_person_sees_what_waits_and_what_failed(play: Play) -> None:
    s1, s2 = play.pair()
    alice = lines(play, "alice@s1")
    bob = lines(play, "bob@s2")
    alice.expect("bob@s2", "online")
    bob.expect("alice@s1", "online")
    alice.write("/msg bob@s2 first")
    bob.expect("alice@s1: first")
    s2.kill()
    alice.expect("bob@s2", "cannot be reached now")
    alice.write("/msg bob@s2 while you are away")
    alice.expect("[bob@s2 private] alice@s1: while you are away")
    alice.expect("not yet on s2", '"while you are away"')
    alice.write("/msg nobody@s1 x")
    alice.expect("NOT SENT", '"x"')
    s2.restart()
    bob.expect("alice@s1: while you are away")
    alice.expect("delivered", '"while you are away"')
    s1.kill()
    alice.expect("disconnected", "next try in")
    alice.write("later")
    alice.expect("kept, and sent once there is a connection", '"later"')
    s1.restart()
    alice.expect("connected again")
    alice.expect("[public] alice@s1: later")
    bob.expect("[public] alice@s1: later")


def scenario_a_terminal_is_edited_and_put_back(play: Play) -> None:
    play.pair()
    bob = play.client("bob@s2")
    with Terminal(play, "alice@s1") as alice:
        alice.expect("You are alice@s1")
        alice.expect("bob@s2: online")
        alice.type("hello\r")
        alice.expect("[public] alice@s1: hello")
        require(re.search(r"\d\d:\d\d \[public\] alice@s1: hello", alice.plain()) is not None, "with its time")
        alice.type("/to b\t\r")
        alice.expect("you write to bob@s2 now")
        since = alice.expect("bob@s2> ")
        alice.type("/he\t")
        alice.expect("/help ", since)
        alice.type("\x03")
        alice.type("how are youu\x7f?\r")
        bob.expect("message", text="how are you?")
        since = len(alice.seen)
        bob.expect_all("delivered", [bob.send("alice@s1", "fine")])
        alice.expect("[bob@s2 private] bob@s2: fine", since)
        alice.type("\x03")
        alice.expect("Ctrl-C once more")
        alice.type("\x03")
        require(alice.code() == OK, "twice Ctrl-C quits")
    kept = alice.home / ".local/share/postroad/alice@s1/input-history"
    require(kept.stat().st_mode & 0o777 == 0o600, "what was typed is private")
    require(kept.read_text() == "hello\n/to bob@s2 \nhow are you?\n", f"it holds {kept.read_text()!r}")
    with Terminal(play, "alice@s1", NO_COLOR="1") as alice:
        alice.expect("what was said last in public:")
        alice.expect("alice@s1: hello")
        alice.type("\x1b[A")
        alice.expect("how are you?")
        alice.type("\x03\x04")
        require(alice.code() == OK, "Ctrl-D quits")
        require(re.search(rb"\x1b\[[0-9;]+m", alice.seen) is None, "no colours with NO_COLOR")


def scenario_a_shell_stops_it_and_goes_on(play: Play) -> None:
    play.node("s1")
    with Terminal(play, "alice@s1", shell=True, PS1="SHELL$ ") as shell:
        shell.expect("SHELL$")
        shell.type(" ".join(shell.command) + "\r")
        since = shell.expect("You are alice@s1")
        shell.type("half")
        shell.expect("public> half", since)
        since = len(shell.seen)
        shell.type("\x1a")
        shell.expect("Stopped", since)
        shell.expect("SHELL$", since)
        since = len(shell.seen)
        # Backquotes: what is typed is echoed, what is printed is not the same.
        shell.type("echo mode: `stty -a | grep -o -- '.icanon'`; fg\r")
        shell.expect("mode: icanon", since)
        since = shell.expect("public> half", since)
        shell.type(" done\r")
        since = shell.expect("[public] alice@s1: half done", since)
        shell.type("\x04")
        shell.expect("SHELL$", since)


def scenario_a_dumb_terminal_gets_no_escapes(play: Play) -> None:
    play.node("s1")
    with Terminal(play, "alice@s1", TERM="dumb") as alice:
        alice.expect("You are alice@s1")
        alice.type("hi\n")
        alice.expect("[public] alice@s1: hi")
        alice.type("\x04")
        require(alice.code() == OK, "the end of input ends it")
        require(b"\x1b" not in alice.seen, f"{alice.seen!r}")


def scenario_changed_keys_are_loud_and_wait(play: Play) -> None:
    play.pair()
    alice, bob = lines(play, "alice@s1"), play.client("bob@s2")
    alice.expect("bob@s2", "online")
    alice.write("/msg bob@s2 first")
    bob.expect("message", text="first")
    alice.expect("key of bob@s2 noted: ", "(first use)")
    bob.kill()
    forget(play.nodes["s2"])
    again = play.client("bob@s2", profile="other")
    again.expect_online("bob@s2")
    alice.write("/keys bob@s2")
    alice.expect("THE KEYS OF bob@s2 HAVE CHANGED")
    alice.write("/msg bob@s2 second")
    alice.expect("/trust bob@s2 sends it", '"second"')
    alice.write("/trust bob@s2")
    alice.expect("trusted from now on")
    again.expect("message", text="second")


def forget(node: Node) -> None:
    """As if no account had a device: what a new one brings replaces all that was known."""
    node.kill()
    with closing(sqlite3.connect(node.database())) as database, database:
        database.execute("DELETE FROM device")
    node.restart()
