"""What scripts do with single commands: exit codes, standard streams, and a client that runs beside them."""
from __future__ import annotations

import json
import os
import signal
import subprocess
import time

from harness import PATIENCE_SECONDS, Play, Process, clean_environment, require

OK, FAILURE, USAGE, UNREACHABLE, TEMPORARY = 0, 1, 2, 69, 75


def verb(
    play: Play, address: str, *words: str, given: str | bytes | None = None, home: str | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Runs `postroad ADDRESS … VERB …` to its end. Without `given`, standard input is empty."""
    command, folder = play.client_command(address, home)
    command = [word for word in command if word != "--json"]
    data = given.encode() if isinstance(given, str) else given
    return subprocess.run(
        [*command, *words], input=data or b"", capture_output=True, cwd=folder, env=clean_environment(folder),
        timeout=PATIENCE_SECONDS)


def require_done(done: subprocess.CompletedProcess[bytes], code: int, printed: str = "", complaint: str = "") -> None:
    require(done.returncode == code, f"{done.args[5:]} ended with {done.returncode}: {done.stderr!r}")
    require(printed in done.stdout.decode(), f"{printed!r} was to be printed: {done.stdout!r}")
    require(complaint in done.stderr.decode(), f"{complaint!r} was to be said: {done.stderr!r}")


def require_soon(play: Play, address: str, *words: str, printed: str) -> None:
    """For what another server tells, and may tell a second later."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while printed not in (done := verb(play, address, *words)).stdout.decode():
        require(time.monotonic() < deadline, f"{printed!r} was to be printed: {done.stdout!r}")
    require_done(done, OK)


def scenario_send_sends_and_prints_nothing(play: Play) -> None:
    play.pair()
    bob = play.client("bob@s2")
    for words, given, text in (
        (["send", "bob@s2", "as a word"], None, "as a word"),
        (["send", "public", "-"], "from input\n", "from input"),
        (["send", "public"], "two\nlines\n\n", "two\nlines\n"),
        (["send", "bob@s2", "--wait", "delivered", "--", "--wait"], None, "--wait"),
    ):
        done = verb(play, "alice@s1", *words, given=given)
        require_done(done, OK)
        require(done.stdout == b"" and done.stderr == b"", f"it said {done.stdout!r} {done.stderr!r}")
        bob.expect("message", text=text)
    told = verb(play, "alice@s1", "send", "public", "x", "--json")
    states = [json.loads(line) for line in told.stdout.splitlines()]
    require(states[-1]["event"] == "state" and states[-1]["state"] in ("accepted", "delivered"), f"{states}")
    require_done(verb(play, "alice@s1", "send", "public", given=""), FAILURE, complaint="empty")
    require_done(verb(play, "alice@s1", "send", "public", given=b"\xff\xfe"), FAILURE, complaint="UTF-8")
    require_done(verb(play, "alice@s1", "send", "public", given="x" * 40_000), FAILURE, complaint="32768")
    require_done(verb(play, "alice@s1", "send", "nobody@s1", "x"), FAILURE, complaint="unknown-user")
    require_done(verb(play, "alice@s1", "sned", "bob@s2", "x"), USAGE, complaint="did you mean send?")


def scenario_what_cannot_be_sent_is_kept_for_the_next_run(play: Play) -> None:
    s1, s2 = play.pair()
    require_done(verb(play, "alice@s1", "who"), OK)
    s1.kill()
    require_done(verb(play, "alice@s1", "send", "public", "later"), TEMPORARY, complaint="kept")
    require_done(verb(play, "alice@s1", "who"), UNREACHABLE)
    s1.restart()
    # Bob has never logged in, so nobody can seal anything for him.
    require_done(verb(play, "alice@s1", "send", "bob@s2", "psst", "--timeout", "2"), TEMPORARY, complaint="kept")
    bob = play.client("bob@s2")
    require_done(verb(play, "alice@s1", "send", "bob@s2", "third", "--wait", "delivered"), OK)
    bob.expect("message", text="psst")
    # Said before his first login, which brings no old messages.
    require([event["text"] for event in bob.history("public")] == ["later"], "what was kept was sent, once")
    # Sealing and reading take longer than being refused does.
    s1.kill()
    require_done(verb(play, "alice@s1", "send", "bob@s2", "fourth"), TEMPORARY, complaint="kept")
    require_done(verb(play, "alice@s1", "file", "bob@s2", "/etc/hostname"), TEMPORARY, complaint="kept")
    s1.restart()
    require_done(verb(play, "alice@s1", "send", "bob@s2", "fifth", "--wait", "delivered"), OK)
    bob.expect("message", text="fourth")


def scenario_questions_print_their_answers(play: Play) -> None:
    play.pair()
    bob = play.client("bob@s2")
    require_done(verb(play, "alice@s1", "send", "bob@s2", "\x1b[2Jfoul\nnext"), OK)
    bob.expect_all("delivered", [bob.send("public", "one"), bob.send("public", "two")])
    require_soon(play, "alice@s1", "who", printed="bob@s2  online\n")
    require_done(verb(play, "alice@s1", "keys"), OK, "bob@s2  ")
    require_done(verb(play, "alice@s1", "keys", "nobody@s1"), FAILURE, complaint="unknown-user")
    one = verb(play, "alice@s1", "history", "--count", "1")
    require_done(one, OK, "[public] bob@s2: two\n")
    require(len(one.stdout.splitlines()) == 1, f"{one.stdout!r}")
    foul = verb(play, "alice@s1", "history", "bob@s2")
    require_done(foul, OK, "\\u{1b}[2Jfoul\n    next\n")
    told = verb(play, "alice@s1", "history", "--json")
    texts = [json.loads(line).get("text") for line in told.stdout.splitlines()]
    require(texts[:2] == ["one", "two"], f"{texts}")
    # What a script did not print is still new to its owner.
    alice = play.client("alice@s1")
    alice.expect("message", text="two")


def scenario_tail_prints_until_a_signal_or_a_broken_pipe(play: Play) -> None:
    play.pair()
    bob = play.client("bob@s2")
    command, home = play.client_command("alice@s1")
    command = [word for word in command if word != "--json"]
    tail = play.spawn("tail", [*command, "tail"], home)
    bob.expect_online("alice@s1")
    sent = bob.send("public", "hello\nthere")
    tail.wait(lambda: tail.lines == ["[public] bob@s2: hello", "    there"], "the message")
    bob.expect_all("delivered", [sent])
    tail.signal(signal.SIGTERM)
    require(tail.ended() == 143, f"it ended with {tail.child.returncode}")
    require(tail.log == [], f"it said {tail.log}")
    reader, writer = os.pipe()
    child = subprocess.Popen([*command, "tail", "--json"], stdin=subprocess.DEVNULL, stdout=writer, cwd=home,
                             env=clean_environment(home))
    os.close(writer)
    os.close(reader)
    try:
        bob.send("public", "nobody reads this")
        require(child.wait(PATIENCE_SECONDS) == OK, "a closed output ends it quietly")
    finally:
        child.kill()
        child.wait()


def scenario_a_script_runs_beside_an_open_client(play: Play) -> None:
    play.node("s1")
    alice = play.client("alice@s1")
    require_done(verb(play, "alice@s1", "send", "public", "x"), FAILURE, complaint="--profile NAME")
    require_done(verb(play, "alice@s1", "--profile", "bot", "send", "public", "from the bot"), OK)
    alice.expect("message", text="from the bot")
    require((play.folder / "home-alice/.local/share/postroad/alice@s1+bot/client.db").exists(), "it has its own profile")


def scenario_files_are_refused_in_words_or_sent(play: Play) -> None:
    play.node("s1")
    require_done(verb(play, "alice@s1", "file", "public", "no such file"), FAILURE)
    require_done(verb(play, "alice@s1", "accept", "7"), FAILURE)
    require_done(verb(play, "alice@s1", "--help", "file"), OK, "Usage: postroad [USER@SERVER] file")


def scenario_every_example_of_the_help_is_understood(play: Play) -> None:
    """Runs what `/help COMMAND` calls an example, as a person would type it."""
    play.pair()
    bob = play.client("bob@s2")
    command, home = play.client_command("alice@s1")
    (home / "notes.txt").write_text("notes")
    alice = play.spawn("alice", [word for word in command if word != "--json"], home)
    alice.wait(lambda: any("bob@s2" in line and "online" in line for line in alice.lines), "bob")
    alice.write("/help")
    commands = alice.wait(lambda: help_of(alice), "the help")
    examples: list[str] = []
    for name in commands:
        since = len(alice.lines)
        alice.write(f"/help {name}")
        alice.wait(lambda: any(line.startswith(f"/{name}") for line in alice.lines[since:]), f"the help of {name}")
        alice.write("/help quit")
        alice.wait(lambda: any("/quit: " in line for line in alice.lines[since + 1:]), "its end")
        examples += [line.split("for example: ")[1] for line in alice.lines[since:] if "for example: " in line]
    examples = list(dict.fromkeys(examples))
    require(len(examples) >= len(commands), f"too few examples: {examples}")
    examples.remove("/quit")
    require(examples[0] == "/msg bob@s2 hello Bob", f"the first one brings Bob's keys, which others need: {examples}")
    alice.write(examples[0])
    bob.expect("message", text="hello Bob")
    for example in examples[1:]:
        alice.write(example)
    alice.write("/to public")
    alice.write("the last")
    bob.expect("message", text="the last")
    wrong = [line for line in alice.lines if "is no command" in line or "is missing:" in line or "is too much" in line
             or "is wanted" in line or "(bad-" in line]
    require(not wrong, f"an example was not understood: {wrong}")
    alice.write("/quit")
    require(alice.ended() == OK, "the last example ends it")


def help_of(process: Process) -> list[str] | None:
    if not any(line.startswith("A line without a slash") for line in process.lines):
        return None
    return [line.split()[0][1:] for line in process.lines if line.startswith("/")]
