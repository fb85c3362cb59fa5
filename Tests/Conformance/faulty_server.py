#!/usr/bin/python3
"""An echo server with faults, by which `Scripts/conformance` finds out whether a faulty peer is found out.

The path chooses the fault, such as /short; at /sound there is none. Prints its URL and ends at SIGTERM.
"""
from __future__ import annotations

from typing import Any

from autobahn.twisted import websocket
from autobahn.websocket.compress import PerMessageDeflateOffer, PerMessageDeflateOfferAccept
from twisted.internet import reactor
from twisted.internet.defer import Deferred

from suite import prepare


class FaultyServer(websocket.WebSocketServerProtocol):
    def onConnect(self, request: Any) -> Any:
        self.fault = request.path.removeprefix("/")
        self.utf8validateIncoming = self.fault != "unvalidated"
        if self.fault == "gone":
            # The listener goes first, so that nobody comes after; this one never gets an answer.
            port.stopListening().addCallback(lambda _: reactor.stop())
            return Deferred()
        if self.fault != "uncompressed":
            self.perMessageCompressionAccept = self.accept
        return None

    def accept(self, offers: list[Any]) -> Any:
        return next((PerMessageDeflateOfferAccept(it) for it in offers if isinstance(it, PerMessageDeflateOffer)), None)

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        if self.fault == "short":
            self.sendMessage(payload[:-1], isBinary)
        elif self.fault != "silent":
            self.sendMessage(payload, isBinary)

    def onPing(self, payload: bytes) -> None:
        self.sendPong(b"" if self.fault == "forgetful" else payload)

    def onCloseFrame(self, code: int | None, reasonRaw: bytes | None) -> Any:
        if self.fault == "unclosed":
            return self.dropConnection(abort=False)
        return super().onCloseFrame(1002 if self.fault == "accusing" else code, reasonRaw)


factory = websocket.WebSocketServerFactory()
prepare(factory)
factory.protocol = FaultyServer
factory.setProtocolOptions(echoCloseCodeReason=True)
port = reactor.listenTCP(0, factory, interface="127.0.0.1")
print(f"ws://127.0.0.1:{port.getHost().port}", flush=True)
reactor.run()
