"""The client as a program: its streams, signals, last words, and what a run leaves to the next."""
from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import signal
import sqlite3
import subprocess
import termios
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from harness import PATIENCE_SECONDS, Client, Event, Failed, Play, clean_environment, new_id, password_of, require

# Together far more than a pipe takes, so that a client whose reader rests has to wait.
FLOOD = [f"flood {number} ".ljust(4000, ".") for number in range(100)]
# A pipe takes 16 pages, not all of them full; with this much in it there is room for few messages more.
PIPE_BYTES = 40_000


class Unread:
    """A client whose output nobody reads unless asked to."""

    def __init__(self, play: Play, address: str):
        command, home = play.client_command(address)
        self.child = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "--", *command],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=home,
            env=clean_environment(home))
        assert self.child.stdin and self.child.stdout and self.child.stderr
        self.stdin, self.stdout, self.stderr = self.child.stdin, self.child.stdout, self.child.stderr

    def __enter__(self) -> Unread:
        return self

    def __exit__(self, *_: Any) -> None:
        self.child.kill()
        self.child.wait()
        for pipe in (self.stdin, self.stdout, self.stderr):
            pipe.close()

    def event(self) -> Event | None:
        """The next event; None at the end, or for a last line that was cut."""
        line = self.stdout.readline()
        return json.loads(line) if line.endswith(b"\n") else None

    def expect(self, kind: str) -> Event:
        while event := self.event():
            if event["event"] == kind:
                return event
        raise Failed(f"the client ended before {kind}")

    def rest(self) -> list[Event]:
        return list(iter(self.event, None))

    def wait_until_blocked(self) -> None:
        """The pipe takes no more, and the client waits."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self.unread_bytes() < PIPE_BYTES:
            if time.monotonic() > deadline:
                raise Failed(f"only {self.unread_bytes()} bytes wait in the pipe")
            # Nothing tells when a pipe is full, so this looks again and again.
            select.select([], [], [], 0.02)

    def unread_bytes(self) -> int:
        return int.from_bytes(fcntl.ioctl(self.stdout, termios.FIONREAD, bytes(4)), "little")

    def code(self) -> int:
        return self.child.wait(PATIENCE_SECONDS)


def flood_texts(events: list[Event]) -> list[str]:
    return [event["text"] for event in events if event["event"] == "message" and event.get("text") in FLOOD]


def flood(bob: Client) -> None:
    bob.expect_all("delivered", [bob.send("public", text) for text in FLOOD])


def run(play: Play, address: str, *commands: Event) -> tuple[int, list[Event]]:
    """A run whose input comes at once and then ends; its exit code and what it told."""
    command, home = play.client_command(address)
    done = subprocess.run(
        command, input="".join(json.dumps(command) + "\n" for command in commands).encode(), capture_output=True,
        cwd=home, env=clean_environment(home), timeout=PATIENCE_SECONDS)
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


def scenario_a_slow_reader_loses_nothing(play: Play) -> None:
    play.pair()
    bob = play.client("bob@s2")
    with Unread(play, "alice@s1") as alice:
        alice.expect("connected")
        flood(bob)
        alice.wait_until_blocked()
        told: list[str] = []
        while len(told) < len(FLOOD):
            told += flood_texts([alice.expect("message")])
        require(told == FLOOD, "all, once and in order")
        alice.stdin.close()
        alice.rest()
        require(alice.code() == 0, "the end of input ends the client with 0")


def scenario_what_nobody_could_read_is_told_by_the_next_run(play: Play) -> None:
    play.pair()
    bob = play.client("bob@s2")
    with Unread(play, "alice@s1") as alice:
        alice.expect("connected")
        flood(bob)
        alice.wait_until_blocked()
        alice.child.send_signal(signal.SIGTERM)
        require(alice.code() == 143, "SIGTERM ends a client that waits for its reader")
        told = flood_texts(alice.rest())
    require(0 < len(told) < len(FLOOD), f"the reader got {len(told)} messages of {len(FLOOD)}")
    again = play.client("alice@s1")
    again.wait(lambda: FLOOD[-1] in again.texts(), "the last message")
    later = [text for text in again.texts() if text in FLOOD]
    require(later == FLOOD[len(FLOOD) - len(later):], "in order")
    missing = [text[:12] for text in FLOOD if text not in told + later]
    require(not missing, f"told by neither run: {missing}")


def scenario_a_closed_output_ends_the_client_quietly(play: Play) -> None:
    play.pair()
    bob = play.client("bob@s2")
    with Unread(play, "alice@s1") as alice:
        alice.expect("connected")
        alice.stdout.close()
        text = "nobody reads this"
        sent = bob.send("public", text)
        bob.expect("state", id=sent, state="delivered")
        require(alice.code() == 0, f"it ended with {alice.code()}")
        require(alice.stderr.read() == b"", "and says nothing")
    again = play.client("alice@s1")
    again.expect("message", id=sent)


def scenario_an_output_that_fails_is_no_success(play: Play) -> None:
    play.node("s1")
    command, home = play.client_command("alice@s1")
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            command, input=b'{"do":"who"}\n', stdout=full, stderr=subprocess.PIPE, cwd=home,
            env=clean_environment(home), timeout=PATIENCE_SECONDS)
    require(done.returncode == 1 and b"No space left" in done.stderr, f"{done.returncode}: {done.stderr!r}")


def scenario_a_missing_output_is_no_file_of_the_profile(play: Play) -> None:
    play.node("s1")
    command, home = play.client_command("alice@s1")
    # The shell closes the descriptor; the first file that a program opens would take its number.
    subprocess.run(
        ["sh", "-c", 'exec "$0" "$@" >&-', *command], input=b'{"do":"who"}\n', cwd=home,
        env=clean_environment(home), timeout=PATIENCE_SECONDS, check=False)
    for path in home.rglob("*"):
        require(path.is_dir() or b'"event"' not in path.read_bytes(), f"events were written into {path}")


def scenario_signals_end_the_client(play: Play) -> None:
    play.node("s1")
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)):
        alice = play.client("alice@s1")
        alice.signal(number)
        require(alice.ended() == code, f"{number} ended it with {alice.child.returncode}")


def scenario_the_end_of_input_waits_for_what_is_under_way(play: Play) -> None:
    node = play.node("s1")
    play.client("carol@s1")
    public, private = new_id(), new_id()
    code, told = run(
        play, "alice@s1", {"do": "message", "to": "public", "text": "to all", "id": public, "ref": "a"},
        {"do": "message", "to": "carol@s1", "text": "to one", "id": private, "ref": "b"},
        {"do": "history", "conversation": "public", "ref": "c"})
    require(code == 0, f"it ended with {code}")
    require({"a", "b", "c"} == {event["ref"] for event in told if event["event"] == "done"}, "every answer has its end")
    accepted = {event["id"] for event in told if event["event"] == "state" and event["state"] == "accepted"}
    require(accepted == {public, private} == node.stored_ids(), "both are accepted and stored")


def scenario_quit_keeps_what_was_said_before(play: Play) -> None:
    play.node("s1")
    carol = play.client("carol@s1")
    # From here on alice knows carol's keys, so that her words are sealed before they are kept.
    carol.expect("message", id=play.client("alice@s1").send(carol.name, "known"))
    play.processes[-1].child.kill()
    play.processes[-1].ended()
    sent = [new_id() for _ in range(3)]
    code, told = run(
        play, "alice@s1", {"do": "message", "to": "public", "text": "first", "id": sent[0], "ref": 1},
        {"do": "message", "to": carol.name, "text": "second", "id": sent[1], "ref": 2},
        {"do": "message", "to": "public", "text": "third", "id": sent[2], "ref": 3},
        {"do": "message", "to": "public", "text": "", "ref": 4}, {"do": "quit", "ref": 5}, {"do": "who", "ref": 6})
    require(code == 0, f"it ended with {code}")
    done = [event["ref"] for event in told if event["event"] == "done"]
    require(sorted(done) == [1, 2, 3, 4, 5] and done[-1] == 5, f"each has its end, quit the last: {done}")
    require(any(event["event"] == "error" and event["ref"] == 4 for event in told), "the wrong one is answered")
    again = play.client("alice@s1")
    again.expect_all("delivered", sent)
    for message_id in sent:
        carol.expect("message", id=message_id)


def scenario_a_login_that_is_not_valid_any_more_is_forgotten(play: Play) -> None:
    node = play.node("s1")
    command, home = play.client_command("alice@s1")
    require(play.client("alice@s1").quit() == 0, "the first run leaves a token")
    without_password = command[:command.index("--password-file")]
    client = Client("alice", without_password, home)
    play.processes.append(client)
    client.expect("connected")
    require(client.quit() == 0, "the token is enough")
    node.kill()
    forget_tokens(node.database())
    node.restart()
    command, _ = play.client_command("alice@s1")
    for words in ("not valid any more", "a password is needed"):
        process = play.spawn("alice", ["setsid", *command[:command.index("--password-file")]], home)
        require(process.ended() == 77, f"it ended with {process.child.returncode}")
        require(words in "\n".join(process.log), f"{words} was expected: {process.log}")


def forget_tokens(database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection, connection:
        require(connection.execute("DELETE FROM token").rowcount > 0, "there was a token")


def scenario_the_password_is_asked_for_without_echo(play: Play) -> None:
    play.node("s1")
    command, home = play.client_command("alice@s1")
    command = command[:command.index("--password-file")]
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(home)
        os.execve(command[0], [str(word) for word in command], clean_environment(home))
    seen = b""

    def read_until(words: bytes) -> None:
        nonlocal seen
        deadline = time.monotonic() + PATIENCE_SECONDS
        while words not in seen:
            if not select.select([terminal], [], [], max(0, deadline - time.monotonic()))[0]:
                raise Failed(f"waited for {words!r}, saw {seen!r}")
            seen += os.read(terminal, 4096)

    try:
        read_until(b"Password of alice@s1: ")
        os.write(terminal, password_of("alice").encode() + b"\n")
        read_until(b'"connected"')
        require(password_of("alice").encode() not in seen, f"the password is on the screen: {seen!r}")
        # The terminal shows again what is typed.
        os.write(terminal, b'{"do":"quit"}\n')
        read_until(b'{"do":"quit"}')
        require(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, "quit ends it with 0")
    except BaseException:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        raise
    finally:
        os.close(terminal)
