"""TLS on both ports, with programs that others wrote: what is protected, what is bound, and what is refused."""
from __future__ import annotations

import base64
import json
import re
import signal
import socket
import subprocess

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from harness import PATIENCE_SECONDS, Client, Node, Play, Process, clean_environment, password_of, require, shows
from peer import Peer
from tls import EXPORTER_LABEL, Middle, fingerprint_shown, openssl, self_signed

PROTOCOL, LOGIN_REFUSED, BAD_SETUP, FAILURE = 76, 77, 78, 1
SECRET_WORDS = "meet me at the old mill"


def run_client(play: Play, address: str, server: str, *words: str, home: str | None = None) -> tuple[int, str]:
    """A verb, at the place given; returns the exit code and all that was said."""
    command, folder = play.client_command(address, home)
    at = command.index("--server")
    command[at + 1] = server
    command.remove("--json")
    done = subprocess.run([*command, *words], input=b"", capture_output=True, cwd=folder,
                          env=clean_environment(folder), timeout=PATIENCE_SECONDS)
    return done.returncode, done.stdout.decode() + done.stderr.decode()


def require_run(result: tuple[int, str], code: int, words: str = "") -> None:
    require(result[0] == code and words in result[1], f"{code} and {words!r} were expected, not {result}")


def field(value: bytes) -> bytes:
    return len(value).to_bytes(4, "big") + value


def scenario_nobody_on_the_way_reads_a_session_or_a_link(play: Play) -> None:
    s1 = play.node("s1", mailing_address={})
    with Middle(s1.client_port) as tap, Middle(s1.link_port) as links:
        play.node("s2", mailing_address={"s1": f"127.0.0.1:{links.port}"})
        # s1 is not told where s2 is, but who it is: the link is the one that goes through the tap.
        require(s1.stop() == 0, "SIGTERM ends a node with 0")
        s1.write_setup(s1.setup | {
            "mailing_address": {"s2": {"key": play.nodes["s2"].fingerprint}},
            "client_address": f"127.0.0.1:{s1.client_port}", "link_address": f"127.0.0.1:{s1.link_port}"})
        s1.start()
        command, home = play.client_command("alice@s1")
        command[command.index("--server") + 1] = f"127.0.0.1:{tap.port}"
        alice = Client("alice@s1", command, home, play.changed)
        play.processes.append(alice)
        alice.expect("connected", address="alice@s1")
        bob = play.client("bob@s2")
        alice.expect_online("bob@s2")
        bob.expect("message", id=alice.send("public", SECRET_WORDS))
        alice.expect("message", id=bob.send("alice@s1", SECRET_WORDS))
        for middle in (tap, links):
            require(middle.count() > 1000, "everything went through the tap")
            for words in (SECRET_WORDS.encode(), b"alice", b"postroad", b"hello", b"GET /"):
                require(not middle.saw(words), f"somebody on the way reads {words!r}")


@shows("security 32")
def scenario_somebody_in_the_middle_with_a_certificate_gets_nowhere(play: Play) -> None:
    s1 = play.node("s1", mailing_address={})
    own = self_signed(play.folder, "middle")
    with Middle(s1.client_port, certificate=own) as middle:
        result = run_client(play, "alice@s1", f"127.0.0.1:{middle.port}", "send", "public", SECRET_WORDS)
        require_run(result, PROTOCOL, "signature is wrong")
        require(middle.saw(b'"tag":"hello"'), "they did meet")
        require(not middle.saw(SECRET_WORDS.encode()) and not middle.saw(b'"login"'), "and heard nothing else")
    require_run(run_client(play, "alice@s1", f"127.0.0.1:{s1.client_port}", "send", "public", "hello"), 0)
    with Middle(s1.link_port, certificate=own) as middle:
        s2 = play.node("s2", mailing_address={"s1": f"127.0.0.1:{middle.port}"})
        require(s1.stop() == 0, "SIGTERM ends a node with 0")
        s1.write_setup(s1.setup | {
            "mailing_address": {"s2": {"key": s2.fingerprint}}, "link_address": f"127.0.0.1:{s1.link_port}"})
        s1.start()
        s2.running().wait(lambda: any("proof-failed" in line for line in s2.log), "s2 refuses the proof")
        require(not any("link up" in line for line in s2.log + s1.log), "no link comes up through somebody else")


def scenario_tls_that_was_taken_out_is_noticed(play: Play) -> None:
    s1 = play.node("s1")
    stripped = json.dumps({"tag": "closing", "code": "malformed-json", "text": "no TLS here"}).encode() + b"\n"
    with Middle(answer=stripped) as liar:
        # Never seen before: the client tries without, and says so. Nothing secret is sent; SCRAM proves both sides.
        result = run_client(play, "alice@s1", f"127.0.0.1:{liar.port}", "who", home="first")
        require("without-tls" in result[1] or "does not speak TLS" in result[1], f"it said {result}")
        require_run(run_client(play, "alice@s1", f"tls://127.0.0.1:{liar.port}", "who", home="strict"), PROTOCOL, "TLS")
        require_run(run_client(play, "alice@s1", f"127.0.0.1:{s1.client_port}", "who"), 0)
        result = run_client(play, "alice@s1", f"127.0.0.1:{liar.port}", "who")
        require_run(result, PROTOCOL, "did before")
    with StrippingMiddle(s1.client_port) as stripper:
        result = run_client(play, "alice@s1", f"127.0.0.1:{stripper.port}", "who", home="second")
        require_run(result, LOGIN_REFUSED, "taken it out")
    require_run(run_client(play, "alice@s1", f"tcp://127.0.0.1:{s1.client_port}", "who", home="third"), 0)


class StrippingMiddle(Middle):
    """Answers TLS as a node without it would, and passes plain connections on."""

    def serve(self, accepted: socket.socket) -> None:
        first = accepted.recv(1, socket.MSG_PEEK)
        self.answer = b'{"tag":"closing","code":"malformed-json","text":"x"}\n' if first == b"\x16" else None
        super().serve(accepted)


def scenario_a_client_of_openssls_sees_what_the_document_says(play: Play) -> None:
    """The hello is signed over the exporter of this very connection (docs/protocol/client.md)."""
    s1 = play.node("s1")
    nonce = bytes(range(32))
    hello = {"tag": "hello", "version": 1, "server": "s1", "nonce": base64.b64encode(nonce).decode()}
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{s1.client_port}", "-ign_eof",
               "-keymatexport", EXPORTER_LABEL, "-keymatexportlen", "32"]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        assert child.stdin and child.stdout
        child.stdin.write(json.dumps(hello).encode() + b"\n")
        child.stdin.flush()
        said = ""
        while '"signature"' not in said:
            line = child.stdout.readline().decode(errors="replace")
            require(bool(line), f"openssl ended: {said}")
            said += line
    finally:
        child.kill()
        child.wait()
    exported = re.search(r"Keying material: ([0-9A-F]{64})", said)
    require(exported is not None and "TLSv1.3" in said, f"openssl says {said}")
    answer = json.loads(next(line for line in said.splitlines() if '"signature"' in line))
    exporter = bytes.fromhex(exported[1]) if exported else b""
    transcript = b"".join(map(field, [b"postroad-client-hello", b"1", b"tls", b"s1", nonce, exporter]))
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(answer["key"].removeprefix("ed25519:")))
    key.verify(base64.b64decode(answer["signature"]), transcript)
    for version in ("-tls1_2", "-tls1_1"):
        require("Cipher is (NONE)" in openssl("s_client", version, "-connect", f"127.0.0.1:{s1.client_port}"),
                f"{version} is refused")


def scenario_a_new_certificate_is_shown_after_sighup(play: Play) -> None:
    first, second = self_signed(play.folder, "first"), self_signed(play.folder, "second")
    shown = play.folder / "shown.pem"
    shown.write_bytes(first.read_bytes())
    s1 = play.node("s1", certificate=str(shown))
    alice = play.client("alice@s1")
    prints = {file.name: openssl("x509", "-noout", "-fingerprint", "-sha256", "-in", file) for file in (first, second)}
    require({fingerprint_shown(s1.client_port), fingerprint_shown(s1.link_port)} == {prints["first.pem"]}, "the first")
    shown.write_bytes(second.read_bytes())
    s1.running().signal(signal.SIGHUP)
    s1.running().wait(lambda: any("certificates read again" in line for line in s1.log), "the log says so")
    require({fingerprint_shown(s1.client_port), fingerprint_shown(s1.link_port)} == {prints["second.pem"]}, "the second")
    shown.write_text("nothing of use")
    s1.running().signal(signal.SIGHUP)
    s1.running().wait(lambda: any("the old ones stay" in line for line in s1.log), "an alarm")
    require(fingerprint_shown(s1.client_port) == prints["second.pem"], "the old one stays")
    alice.expect("message", id=alice.send("public", "still here"))
    require(len(alice.all("disconnected")) == 0, "whoever was connected did not notice")


def scenario_the_own_certificate_outlives_restarts(play: Play) -> None:
    s1 = play.node("s1", client_address=f"127.0.0.1:{play.ports.take()}")
    before = fingerprint_shown(s1.client_port)
    s1.kill()
    s1.restart()
    require(fingerprint_shown(s1.client_port) == before, "the same certificate after a restart")
    own = s1.folder / "data/tls.pem"
    require(own.stat().st_mode & 0o777 == 0o600, "closed to others")


def scenario_what_cannot_be_used_stops_the_start_and_check(play: Play) -> None:
    good = self_signed(play.folder, "good")
    broken = play.folder / "broken.pem"
    broken.write_text("no certificate")
    for members, words in (
        ({"certificate": str(broken)}, f"{broken}: there is no certificate in it"),
        ({"certificate": "nowhere.pem"}, "nowhere.pem: cannot be read"),
        ({"certificate": str(play.folder / "good.crt")}, "there is no private key in it"),
        ({"client_certificate_issuers": str(broken)}, f"{broken}: there is no certificate in it"),
        ({"require_client_tls": 1}, '"require_client_tls" must be true or false'),
    ):
        node = Node(play, "s1", play.setup("s1", **members))
        for verb in ("check", "run"):
            done = play.run("postroad-node", verb, "--setup", node.setup_file)
            require(done.child.returncode == BAD_SETUP and words in "\n".join(done.log), f"{verb}: {done.log}")
    node = Node(play, "s1", play.setup("s1", certificate=str(good)))
    require(play.run("postroad-node", "check", "--setup", node.setup_file).child.returncode == 0, "the good one is right")


def authority(play: Play, *words: str) -> Process:
    return play.run("postroad-node", "ca", *words)


@shows("security 32")
def scenario_an_own_authority_lets_people_in_by_certificate(play: Play) -> None:
    require(authority(play, "init").child.returncode == 0, "an authority in one command")
    for words in (("server", "s1"), ("client", "alice"), ("client", "bob")):
        require(authority(play, "issue", *words).child.returncode == 0, f"a certificate in one command: {words}")
    again = authority(play, "issue", "client", "alice")
    require(again.child.returncode == FAILURE and "is there already" in "\n".join(again.log), f"{again.log}")
    foul = authority(play, "issue", "client", "../x")
    require(foul.child.returncode == FAILURE and "letters, digits" in "\n".join(foul.log), f"{foul.log}")
    for name, purpose in (("s1", "sslserver"), ("alice", "sslclient")):
        told = openssl("verify", "-CAfile", play.folder / "ca-certificate.pem", "-purpose", purpose,
                       play.folder / f"{name}.pem")
        require("OK" in told, f"openssl on {name}.pem: {told}")
        wrong = openssl("verify", "-CAfile", play.folder / "ca-certificate.pem", "-purpose",
                        "sslclient" if purpose == "sslserver" else "sslserver", play.folder / f"{name}.pem")
        require("unsuitable certificate purpose" in wrong, f"openssl on {name}.pem: {wrong}")
    for name in ("ca", "alice"):
        require((play.folder / f"{name}.pem").stat().st_mode & 0o777 == 0o600, f"{name}.pem is closed to others")
    require("PRIVATE" not in (play.folder / "ca-certificate.pem").read_text(), "nodes are not given the key")
    s1 = play.node("s1", admin={"alice": password_of("alice"), "carol": password_of("carol")},
                   certificate=str(play.folder / "s1.pem"),
                   client_certificate_issuers=str(play.folder / "ca-certificate.pem"))
    place = f"127.0.0.1:{s1.client_port}"
    shown = ["--certificate", str(play.folder / "alice.pem")]
    require_run(run_client(play, "alice@s1", place, *shown, "send", "public", "let in"), 0)
    require_run(run_client(play, "alice@s1", place, "who"), 69, "certificate")
    require_run(run_client(play, "carol@s1", place, *shown, "who"), LOGIN_REFUSED, "is for alice, not for carol")
    stranger = self_signed(play.folder, "stranger")
    require_run(run_client(play, "alice@s1", place, "--certificate", str(stranger), "who"), 69, "certificate")
    require_run(run_client(play, "alice@s1", f"tcp://{place}", *shown, "who"), LOGIN_REFUSED, "TLS")
    require_run(run_client(play, "alice@s1", place, "--certificate", "nowhere.pem", "who"), FAILURE, "no such file")


def scenario_an_entry_may_ask_for_tls_in_any_case(play: Play) -> None:
    with Peer("s9", "s1") as peer:
        node = play.node("s1", mailing_address={"s9": {"address": "wss://127.0.0.1:9", "key": peer.key_text}})
        link = peer.dial(node.link_port)
        link.hello()
        link.expect_refusal("needs-tls")
