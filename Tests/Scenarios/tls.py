"""People in the middle: what they see of a connection, and what they may do to it."""
from __future__ import annotations

import re
import socket
import ssl
import subprocess
import threading
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Callable

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from harness import PATIENCE_SECONDS, require

EXPORTER_LABEL = "EXPORTER-Channel-Binding"
PIECE_BYTES = 65_536
CONNECTIONS_MAX = 50


def openssl(*words: str | Path, given: bytes = b"") -> str:
    done = subprocess.run(["openssl", *map(str, words)], input=given, capture_output=True, timeout=PATIENCE_SECONDS)
    return done.stdout.decode(errors="replace") + done.stderr.decode(errors="replace")


def self_signed(folder: Path, name: str, days: int = 2) -> Path:
    """A certificate with its key that another program than ours made."""
    file = folder / f"{name}.pem"
    key, certificate = folder / f"{name}.key", folder / f"{name}.crt"
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
            "-days", days, "-keyout", key, "-out", certificate)
    file.write_bytes(key.read_bytes() + certificate.read_bytes())
    return file


def expired(folder: Path, name: str) -> Path:
    """The same, but no longer good since yesterday."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(timezone.utc)
    certificate = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=30)).not_valid_after(now - timedelta(days=1))
        .sign(key, hashes.SHA256()))
    plain = serialization.NoEncryption()
    file = folder / f"{name}.pem"
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
        + certificate.public_bytes(serialization.Encoding.PEM))
    return file


def fingerprint_shown(port: int) -> str:
    """Of the certificate that a port shows now."""
    shown = openssl("s_client", "-connect", f"127.0.0.1:{port}", "-showcerts")
    found = re.search(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", shown, re.DOTALL)
    require(found is not None, f"the port shows no certificate: {shown}")
    return openssl("x509", "-noout", "-fingerprint", "-sha256", given=found[0].encode() if found else b"")


class Middle:
    """Sits on a loopback port between whoever dials it and `target`, and writes down what passes.

    As `tap` it passes everything on. With `certificate` it ends the TLS of both sides and passes on what is inside, as
    somebody would who has a certificate of their own. With `answer` it does not pass anything on, and answers the first
    bytes of each connection with that.
    """

    def __init__(self, target: int = 0, certificate: Path | None = None, answer: bytes | None = None):
        self.target = target
        self.answer = answer
        self.seen = bytearray()
        self.lock = threading.Lock()
        self.outer = self.inner = None
        if certificate:
            self.outer = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.outer.load_cert_chain(certificate)
            self.inner = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            self.inner.check_hostname, self.inner.verify_mode = False, ssl.CERT_NONE
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.sockets: list[socket.socket] = []
        self.threads = [threading.Thread(target=self.accept, daemon=True)]
        self.threads[0].start()

    def __enter__(self) -> Middle:
        return self

    def __exit__(self, *_: object) -> None:
        # A thread that is blocked in a call is woken by the end of its socket, not by its being closed.
        for end in [self.listener, *self.sockets]:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()
        for thread in self.threads:
            thread.join(PATIENCE_SECONDS)

    def accept(self) -> None:
        for _ in range(CONNECTIONS_MAX):
            try:
                accepted, _ = self.listener.accept()
            except OSError:
                return
            self.start(self.serve, accepted)

    def start(self, body: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=body, args=arguments, daemon=True)
        self.threads.append(thread)
        thread.start()

    def serve(self, accepted: socket.socket) -> None:
        self.sockets.append(accepted)
        try:
            if self.answer is not None:
                accepted.recv(PIECE_BYTES)
                accepted.sendall(self.answer)
                return accepted.close()
            dialled = socket.create_connection(("127.0.0.1", self.target), PATIENCE_SECONDS)
            self.sockets.append(dialled)
            dialled.settimeout(None)
            if self.outer and self.inner:
                accepted = self.outer.wrap_socket(accepted, server_side=True)
                dialled = self.inner.wrap_socket(dialled)
                self.sockets += [accepted, dialled]
        except OSError:
            return accepted.close()
        self.start(self.pass_on, dialled, accepted)
        self.pass_on(accepted, dialled)

    def pass_on(self, source: socket.socket, target: socket.socket) -> None:
        try:
            while piece := source.recv(PIECE_BYTES):
                with self.lock:
                    self.seen += piece
                target.sendall(piece)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            for end in (source, target):
                end.close()

    def saw(self, words: bytes) -> bool:
        with self.lock:
            return words in self.seen

    def count(self) -> int:
        with self.lock:
            return len(self.seen)
