"""Brings the Autobahn test suite and its peers together, on free ports of this machine; leaves no process behind."""
from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Iterator

HERE = Path(__file__).resolve().parent
PYTHON = [sys.executable, "-B"]
SECONDS_TO_END_MAX = 10
# How stunnel is set up for either.
PROXIES = {
    "remove TLS": "cert = {certificate}\nkey = {key}\n",
    "add TLS": "client = yes\nCAfile = {certificate}\nverifyChain = yes\ncheckIP = 127.0.0.1\n",
    "add TLS to any": "client = yes\n",
}


class Broken(Exception):
    """Something that a run needs does not work."""


@dataclass
class Result:
    verdict: str
    text: str


@dataclass
class Outcome:
    """How a peer did in the cases that it was given."""

    name: str
    results: dict[str, Result]
    seconds: float
    # What went wrong beside the cases.
    troubles: list[str] = field(default_factory=list)


def installed_suite(folder: Path) -> Path:
    """Where the suite lies. It is fetched once; the name changes when other versions are asked for."""
    requirements = HERE / "requirements.txt"
    site = folder / hashlib.sha256(requirements.read_bytes()).hexdigest()[:16]
    if site.exists():
        return site
    with tempfile.TemporaryDirectory(dir=folder) as fresh:
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-compile", "--require-hashes"]
        # It is unpacked and no more: being for Python 2, nothing of it could run here.
        command += ["--only-binary", ":all:", "--python-version", "2.7", "--implementation", "py", "--abi", "none"]
        quiet = {"PIP_ROOT_USER_ACTION": "ignore", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
        command += ["--target", f"{fresh}/site", "-r", str(requirements)]
        if subprocess.run(command, env={**os.environ, **quiet}).returncode != 0:
            raise Broken("pip could not fetch the suite (see above)")
        Path(fresh, "site").rename(site)
    return site


@contextmanager
def running(command: list[Any], announcement: str, log: Any) -> Iterator[str]:
    """Starts a program, gives what its output says where the pattern has its group, and ends the program."""
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert child.stdout is not None
    try:
        for line in child.stdout:
            log.write(line)
            if found := re.search(announcement, line.decode(errors="replace")):
                break
        else:
            raise Broken(f"{command[0]} ended instead of starting; see {log.name}")
        # A talkative program would stop at a full pipe.
        threading.Thread(target=shutil.copyfileobj, args=(child.stdout, log), daemon=True).start()
        yield found[1]
        child.terminate()
        if child.wait(SECONDS_TO_END_MAX) not in (0, -signal.SIGTERM):
            raise Broken(f"{command[0]} ended with {child.returncode}; see {log.name}")
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()


class Laboratory:
    def __init__(self, site: Path, folder: Path, log: Any) -> None:
        self.folder = folder
        self.log = log
        self.results = folder / "results"
        self.suite: list[Any] = [*PYTHON, HERE / "suite.py", site, self.results]

    def faulty_server(self) -> Any:
        """While it runs; gives its URL."""
        return running([*PYTHON, HERE / "faulty_server.py"], r"^(ws://\S+)$", self.log)

    def dial(self, name: str, numbers: list[str], url: str) -> Outcome:
        started = time.monotonic()
        done = subprocess.run([*self.suite, "dial", url, *numbers], stdout=self.log, stderr=self.log)
        return self.outcome(name, numbers, started, {"the suite": done.returncode})

    def server(self, name: str, numbers: list[str], command: list[Any], proxies: list[str]) -> Outcome:
        """Tests a server that prints its address; the suite comes to it through the proxies."""
        with running(command, r"^wss?://([\d.:]+)/echo$", self.log) as address:
            with self.chain(address, proxies) as front:
                return self.dial(name, numbers, f"ws://{front}/echo")

    def client(self, name: str, numbers: list[str], command: Callable[[str], list[Any]], proxies: list[str]) -> Outcome:
        """Tests a client, whose command is made from an address; it comes to the suite through the proxies."""
        started = time.monotonic()
        with running([*self.suite, "listen", *numbers], r"^ws://([\d.:]+)$", self.log) as address:
            with self.chain(address, proxies) as front:
                done = subprocess.run(command(front), stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        return self.outcome(name, numbers, started, {"the client": done.returncode})

    def outcome(self, name: str, numbers: list[str], started: float, statuses: dict[str, int]) -> Outcome:
        outcome = Outcome(name, {number: Result("NOT RUN", "") for number in numbers}, time.monotonic() - started)
        for line in self.results.read_text().splitlines():
            found = json.loads(line)
            is_first = outcome.results[found["case"]].verdict == "NOT RUN"
            outcome.results[found["case"]] = Result(found["verdict"] if is_first else "RUN TWICE", found["text"])
        # The next run must not take these for its own.
        self.results.unlink()
        outcome.troubles = [f"{who} ended with {status}" for who, status in statuses.items() if status != 0]
        return outcome

    @contextmanager
    def chain(self, address: str, proxies: list[str]) -> Iterator[str]:
        """Starts one proxy in front of the other, and gives the address of the last."""
        with ExitStack() as stack:
            for proxy in proxies:
                address = stack.enter_context(self.proxy(proxy, address))
            yield address

    def proxy(self, kind: str, target: str) -> Any:
        role = PROXIES[kind].format(certificate=self.certificate, key=self.key)
        setup = self.folder / f"{kind.replace(' ', '-')}.conf"
        # It says which port it took only when it is told to say that much.
        common = "foreground = yes\npid =\nsyslog = no\ndebug = info\n"
        setup.write_text(f"{common}[proxy]\naccept = 127.0.0.1:0\nconnect = {target}\n{role}")
        return running(["stunnel", setup], r"Service \[proxy\] .* bound to (127\.0\.0\.1:\d+)", self.log)

    @property
    def key(self) -> Path:
        return self.folder / "key.pem"

    @property
    def certificate(self) -> Path:
        """Made when first asked for, with its key."""
        path = self.folder / "certificate.pem"
        if not path.exists():
            command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 2 -subj /CN=localhost"
            rest = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(self.key), "-out", str(path)]
            subprocess.run([*command.split(), *rest], check=True, stderr=self.log)
        return path
