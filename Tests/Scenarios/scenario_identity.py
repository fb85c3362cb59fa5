"""Who a server is, under traffic: a second one of the same name, and a certificate that changes or has run out."""
from __future__ import annotations

import signal
from datetime import datetime, timedelta, timezone
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import NameOID

from harness import Node, Play, require, shows
from peer import Closed, Peer
from scenario_rotation import rotate
from tls import fingerprint_shown, openssl, self_signed
from town import Town


def server_key(node: Node) -> Ed25519PrivateKey:
    key = load_pem_private_key((node.folder / "data/server.key").read_bytes(), None)
    assert isinstance(key, Ed25519PrivateKey)
    return key


def expired(file: Path) -> Path:
    """A certificate that ran out yesterday, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "expired")])
    now = datetime.now(timezone.utc)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(now - timedelta(days=2)).not_valid_after(now - timedelta(days=1)).sign(key, hashes.SHA256()))
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(pem + certificate.public_bytes(Encoding.PEM))
    return file


@shows("fault 16", "security 32")
def scenario_a_second_server_of_one_name_is_refused_or_takes_over(play: Play) -> None:
    """With another key it is refused and an alarm is raised; with the right key it is that server, and the older
    link is closed by name. The people of both servers go on talking in either case."""
    town = Town(play)
    s1, s2 = town.nodes
    mark = len(s1.log)
    with Peer("s2", "s1") as thief:
        town.burst(3)
        for _ in range(3):
            link = thief.dial(s1.link_port)
            link.hello()
            link.expect_refusal("key-changed")
        alarm = s1.expect_log("somebody shows another key", mark, server="s2", level="alarm")
        require(alarm["offered"] == thief.key_text, f"the alarm names the key: {alarm}")
        town.settle()
        require(s1.logged("link down", mark) is None, "the link of the real s2 stays")
    # From now on s2 dials: of two links that one side dialled the newer one stays.
    wire = town.wire()
    wire.on_loop(wire.proxies["s1"].end)
    town.burst(3)
    town.settle()
    with Peer("s2", "s1", server_key(s2)) as twin:
        mark = len(s2.log)
        town.burst(3)
        try:
            # The real s2 dials again at once, and then the twin's link is the older one.
            link = twin.dial(s1.link_port).prove()
            while link.receive():
                pass
        except Closed as closed:
            require(closed.reason.startswith("replaced: "), f"the twin's link {closed}")
        s2.expect_log("link down", mark, server="s1", code="replaced")
    settled = town.settle()
    print(f"  {town.audit()}; settled {settled:.1f} s after the twin", flush=True)


@shows("fault 21", is_long=True)
def scenario_a_certificate_is_replaced_under_traffic(play: Play) -> None:
    """SIGHUP shows the new one and drops nobody; one that has run out changes nothing, since who a server is, its
    key says."""
    shown = {name: self_signed(play.folder, name) for name in ("s1", "s2")}
    town = Town(play, transport="wss")
    for node in town.nodes:
        require(node.stop() == 0, "it stops in order")
        node.write_setup(node.setup | {"certificate": str(shown[node.name])})
        node.restart()
    town.burst(2)
    town.settle()
    marks = [len(node.log) for node in town.nodes]
    for replacement in (self_signed(play.folder, "new"), expired(play.folder / "expired.pem")):
        wanted = openssl("x509", "-noout", "-fingerprint", "-sha256", "-in", replacement)
        town.burst(2)
        for node in town.nodes:
            mark = len(node.log)
            shown[node.name].write_bytes(replacement.read_bytes())
            node.running().signal(signal.SIGHUP)
            node.expect_log("certificates read again", mark)
            require(fingerprint_shown(node.link_port) == wanted, f"{node.name} shows {replacement.name}")
        town.burst(2)
        town.settle()
    for node, mark in zip(town.nodes, marks):
        require(node.logged("link down", mark) is None, "a new certificate ended a link")
    town.wire().reset()
    town.burst(2)
    settled = town.settle()
    print(f"  {town.audit()}; a link under the new certificate after {settled:.1f} s", flush=True)


@shows("fault 21")
def scenario_a_server_key_is_rotated_under_traffic(play: Play) -> None:
    """The link of the old key stays; the next one, and after a kill the clients' next logins, follow the new key, which the old
    one signed for. Nobody has to trust anything by hand."""
    town = Town(play)
    s1, s2 = town.nodes
    town.burst(2)
    town.settle()
    marks = [len(node.log) for node in town.nodes]
    town.burst(3)
    old, new = rotate(play, s1)
    town.burst(3)
    town.settle()
    require(old == s1.fingerprint != new, "the key is a new one")
    for node, mark in zip(town.nodes, marks):
        require(node.logged("link down", mark) is None, "a new key ended a link")
    mark = len(s2.log)
    town.wire().reset()
    town.burst(2)
    s2.expect_log("link up", mark, server="s1")
    linked = town.settle()
    require(s2.logged("somebody shows another key", mark) is None, "a key that was signed for is no stranger's")
    since = town["alice"].mark()
    s1.kill()
    town.books.require_kept(s1)
    s1.restart()
    require(s1.fingerprint == new, "the key lasts")
    town["alice"].expect("error", since, code="server-key-rotated")
    town.burst(2)
    settled = town.settle()
    print(f"  {town.audit()}; a link under the new key after {linked:.1f} s, settled {settled:.1f} s after the kill", flush=True)
