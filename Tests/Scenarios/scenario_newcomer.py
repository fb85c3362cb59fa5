"""A newcomer with nothing but the README, on a terminal: what it says is typed, and every line of each screen is read."""
from __future__ import annotations

import json
import re
import shlex
import subprocess
import time
import uuid
from pathlib import Path

from harness import PATIENCE_SECONDS, ROOT, Failed, Play, clean_environment, require

TIME = re.compile(r"^\d\d:\d\d ")


class Screens:
    """Windows of a tmux server of our own, each with one command, as wide as a README."""

    def __init__(self, home: Path):
        self.socket = f"postroad-{uuid.uuid4().hex}"
        self.home = home
        self.names: list[str] = []

    def __enter__(self) -> Screens:
        return self

    def __exit__(self, *_: object) -> None:
        if self.names:
            self.tmux("kill-server")

    def tmux(self, *words: str) -> str:
        environment = clean_environment(self.home) | {"TERM": "screen-256color", "TMUX_TMPDIR": str(self.home)}
        command = ["tmux", "-L", self.socket, "-f", "/dev/null", *words]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE_SECONDS)
        require(done.returncode == 0, f"tmux {words[0]}: {done.stderr}")
        return done.stdout

    def open(self, name: str, command: str) -> None:
        """A window that stays when its command has ended, with its exit code."""
        wrapped = f"trap : INT; cd {shlex.quote(str(self.home))} && {command}; echo \"ended with $?\"; exec sleep 600"
        place = ["new-window", "-t", "people"] if self.names else ["new-session", "-s", "people", "-x", "120", "-y", "40"]
        self.names.append(name)
        self.tmux(*place, "-d", "-n", name, "sh", "-c", wrapped)

    def lines(self, name: str) -> list[str]:
        """What stands there, what has scrolled away included; long lines are whole."""
        text = self.tmux("capture-pane", "-p", "-J", "-S", "-", "-t", f"people:{name}")
        return [line.rstrip() for line in text.rstrip().split("\n")]

    def type(self, name: str, text: str) -> None:
        self.tmux("send-keys", "-t", f"people:{name}", "-l", text)
        self.tmux("send-keys", "-t", f"people:{name}", "Enter")

    def expect(self, name: str, wanted: str) -> str:
        """The first line that is as a README shows it: any time of day, anything for `…`."""
        pattern = re.compile(".*".join(re.escape(TIME.sub("", part)) for part in wanted.split("…")) + "$")
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            for line in self.lines(name):
                if pattern.match(TIME.sub("", line)):
                    return line
        raise Failed(f"{name} was to see {wanted!r}, and sees:\n" + "\n".join(self.lines(name)))


def first_conversation() -> list[list[str]]:
    """The README's transcripts: each begins with a command."""
    text = (ROOT / "README.md").read_text()
    section = text.split("## A first conversation", 1)[1].split("\n## ", 1)[0]
    blocks = [block.strip().split("\n") for block in re.findall(r"```text\n(.*?)```", section, re.DOTALL)]
    return [block for block in blocks if block[0].startswith("$ ")]


def make_run() -> str:
    """What the README's `make run` runs once all is built."""
    rule = (ROOT / "Makefile").read_text().split("\nrun:", 1)[1].split("\n", 2)[1]
    return rule.strip()


def home_as_cloned(play: Play) -> Path:
    """What a clone holds that a newcomer meets, on ports that are free now."""
    home = play.folder / "clone"
    (home / ".build").mkdir(parents=True)
    (home / ".build/release").symlink_to(play.binaries.resolve())
    (home / "README.md").write_text((ROOT / "README.md").read_text())
    setup = json.loads((ROOT / "setup.json").read_text())
    clients, links = play.ports.take(), play.ports.take()
    setup |= {"client_address": f"127.0.0.1:{clients}", "link_address": f"127.0.0.1:{links}", "mailing_address": {}}
    (home / "setup.json").write_text(json.dumps(setup))
    (home / "client_setup.json").write_text(json.dumps({"server_ip": f"127.0.0.1:{clients}"}))
    return home


def plays_transcript(screens: Screens, name: str, transcript: list[str], password: str | None) -> None:
    """Types what the README has behind a prompt, and waits for each line that it shows."""
    screens.open(name, transcript[0].removeprefix("$ "))
    if password:
        screens.expect(name, f"Password of {name}@s1:")
        screens.type(name, password)
        screens.expect(name, f"00:00 You are {name}@s1 and write to public; /help shows the commands.")
    for line in transcript[1:]:
        if line.startswith("public> "):
            screens.type(name, line.removeprefix("public> "))
        elif not line.startswith("Password"):
            screens.expect(name, line)


def require_all_lines(screens: Screens, name: str, wanted: str) -> None:
    """The whole screen, line by line: any time of day, anything for `…`."""
    seen = [TIME.sub("", line) for line in screens.lines(name)]
    patterns = [".*".join(map(re.escape, TIME.sub("", line).split("…"))) for line in wanted.strip("\n").split("\n")]
    for line in seen:
        require(all(" " <= letter for letter in line), f"{name} sees {line!r}")
    matches = len(seen) == len(patterns) and all(map(re.fullmatch, patterns, seen))
    require(matches, f"{name} was to see:\n{wanted}\nand sees:\n" + "\n".join(screens.lines(name)))


NODE = """
… warning: the setup file holds passwords as typed; close it to others
ready s1 clients=127.0.0.1:… links=127.0.0.1:… fingerprint=ed25519:…
^C… stopping
… state sessions=0 …
ended with 0
"""
ALICE = """
Password of alice@s1:
You are alice@s1 and write to public; /help shows the commands.
[public] alice@s1: hello, whoever is here
  delivered: "hello, whoever is here"
bob@s1: online
key of bob@s1 noted: … (first use)
[bob@s1 private] bob@s1: just us
[bob@s1 private] bob@s1: file "README.md" (… kB)
  bob@s1 offers file 1, "README.md", … kB; /accept 1 fetches it, /cancel 1 declines
  1  receiving  bob@s1 to alice@s1  "README.md"  … kB  0 %
  file 1, "README.md": here it is: …/Downloads/README.md
  bob@s1  …
  alice@s1  online
  bob@s1  online
bob@s1: offline
ended with 0
"""
BOB = """
Password of bob@s1:
You are bob@s1 and write to public; /help shows the commands.
alice@s1: online
what was said last in public:
[public] alice@s1: hello, whoever is here
key of alice@s1 noted: … (first use)
[alice@s1 private] bob@s1: just us
  delivered: "just us"
  1  sending  bob@s1 to alice@s1  "README.md"  … kB  0 %  …/README.md
  file 1, "README.md": offered to alice@s1, and fetched when they want it
[alice@s1 private] bob@s1: file "README.md" (… kB)
  file 1, "README.md": alice@s1 has it
  alice@s1  …
  bob@s1  …
ended with 0
"""


def scenario_a_newcomer_needs_the_readme_only(play: Play) -> None:
    home = home_as_cloned(play)
    node, alice, bob = first_conversation()
    require(node[0] == "$ make run" and "setup.json" in make_run(), f"the README starts the node with {node[0]}")
    with Screens(home) as screens:
        screens.open("node", make_run())
        screens.expect("node", "ready s1 clients=127.0.0.1:… links=127.0.0.1:… fingerprint=ed25519:…")
        plays_transcript(screens, "alice", alice, "wonderland")
        plays_transcript(screens, "bob", bob, "builder")
        screens.expect("bob", "  delivered: \"just us\"")
        screens.expect("alice", "[bob@s1 private] bob@s1: just us")
        size = (home / "README.md").stat().st_size
        offered = screens.expect("alice", f'  bob@s1 offers file 1, "README.md", …; /accept 1 fetches it, …')
        require(f", {size // 100 / 10} kB; " in offered, f"{size} bytes are told as {offered}")
        # What the README says in words: the file, and keys to compare.
        screens.type("alice", "/accept 1")
        done = screens.expect("alice", '  file 1, "README.md": here it is: …')
        got = Path(done.split("here it is: ", 1)[1])
        require(got.read_bytes() == (ROOT / "README.md").read_bytes() and got == home / "Downloads/README.md", done)
        screens.expect("bob", '  file 1, "README.md": alice@s1 has it')
        screens.type("alice", "/keys bob@s1")
        theirs = screens.expect("alice", "  bob@s1  …")
        screens.type("bob", "/keys")
        own = screens.expect("bob", "  bob@s1  …")
        require(theirs == own and len(own.split()) == 17, f"alice sees {theirs!r}, bob {own!r}")
        screens.type("alice", "/who")
        screens.expect("alice", "  bob@s1  online")
        for name in ("bob", "alice"):
            screens.type(name, "/quit")
            screens.expect(name, "ended with 0")
            if name == "bob":
                screens.expect("alice", "bob@s1: offline")
        screens.tmux("send-keys", "-t", "people:node", "C-c")
        screens.expect("node", "ended with 0")
        for name, wanted in (("node", NODE), ("alice", ALICE), ("bob", BOB)):
            require_all_lines(screens, name, wanted)
