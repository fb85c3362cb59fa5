"""Sealed messages as Docs/protocol/client.md has them ("Devices and keys", "Sealed bodies"), on `cryptography`."""
from __future__ import annotations

import base64
import hashlib
import json
import os
import uuid
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from harness import require
from peer import encode, field

Members = dict[str, Any]

OAEP = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
PSS = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
STEPS = [256 << power for power in range(9)]


def decode(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def padded(content: bytes) -> bytes:
    """The content behind its length, filled up with zeros to the next step."""
    size = 4 + len(content)
    step = next((step for step in STEPS if step >= size), -(-size // 16_384) * 16_384)
    return (len(content).to_bytes(4, "big") + content).ljust(step, b"\0")


def context(envelope: Members) -> bytes:
    fields = [b"postroad-message-1", uuid.UUID(envelope["id"]).bytes, envelope["from"].encode(),
              envelope["to"].encode()]
    return b"".join(map(field, fields)) + envelope["at"].to_bytes(8, "big")


def signed_text(envelope: Members, sealed: Members) -> bytes:
    fields = [b"postroad-sealed-1", context(envelope), bytes.fromhex(sealed["device"]), decode(sealed["nonce"]),
              decode(sealed["box"])]
    for wrap in sealed["wraps"]:
        fields += [bytes.fromhex(wrap["device"]), decode(wrap["key"])]
    return b"".join(map(field, fields))


class Person:
    """Somebody with an account key and one device."""

    def __init__(self, address: str):
        self.address = address
        self.account = Ed25519PrivateKey.generate()
        self.device = rsa.generate_private_key(65537, 3072)
        key = self.device.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        account = self.account.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        vouched = b"".join(map(field, [b"postroad-device-key-1", address.encode(), key]))
        self.fingerprint = hashlib.sha256(key).hexdigest()
        self.device_key = {
            "fingerprint": self.fingerprint, "key": encode(key), "account": "ed25519:" + encode(account),
            "signature": encode(self.account.sign(vouched)),
        }

    def seal(self, envelope: Members, text: str, readers: list[Members]) -> Members:
        """The envelope with its body, for these devices and our own."""
        key, nonce = os.urandom(32), os.urandom(12)
        content = json.dumps({"text": text}).encode()
        sealed: Members = {
            "version": 1, "device": self.fingerprint, "nonce": encode(nonce),
            "box": encode(AESGCM(key).encrypt(nonce, padded(content), context(envelope))),
            "wraps": [
                {"device": reader["fingerprint"], "key": encode(public_key(reader).encrypt(key, OAEP))}
                for reader in [*readers, self.device_key]
            ],
        }
        sealed["signature"] = encode(self.device.sign(signed_text(envelope, sealed), PSS, hashes.SHA256()))
        return envelope | {"sealed": sealed}

    def open(self, envelope: Members, senders: list[Members]) -> str:
        """The words; an exception if anything about them is wrong."""
        sealed = envelope["sealed"]
        sender = next(device for device in senders if device["fingerprint"] == sealed["device"])
        public_key(sender).verify(decode(sealed["signature"]), signed_text(envelope, sealed), PSS, hashes.SHA256())
        wrap = next(wrap for wrap in sealed["wraps"] if wrap["device"] == self.fingerprint)
        key = self.device.decrypt(decode(wrap["key"]), OAEP)
        plain = AESGCM(key).decrypt(decode(sealed["nonce"]), decode(sealed["box"]), context(envelope))
        size = int.from_bytes(plain[:4], "big")
        require(plain == padded(plain[4:4 + size]), "the plaintext is padded to a step with zeros")
        return json.loads(plain[4:4 + size])["text"]


def public_key(device: Members) -> Any:
    require(hashlib.sha256(decode(device["key"])).hexdigest() == device["fingerprint"], "a fingerprint fits its key")
    return load_der_public_key(decode(device["key"]))
