#!/usr/bin/python3
"""Runs cases of the Autobahn test suite against one peer, over the library that the suite was made with.

    suite.py SITE RESULTS dial URL CASE…    as the client of the server at URL
    suite.py SITE RESULTS listen CASE…      as a server; prints its URL and ends when told to by SIGTERM

SITE is the folder that holds the suite. For each case that ran, the file RESULTS gets a line of JSON: its number, the
verdict and what the suite says about it.
"""
from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Callable, TextIO

from autobahn.twisted import websocket
from autobahn.websocket.protocol import WebSocketProtocol
from twisted.internet import reactor
from twisted.python import log

import cases

# The library's protocol class, for client or server, that stands behind Fuzzing.
Behind: Any = object
PASSES = ("OK", "NON-STRICT", "INFORMATIONAL")


def octets(payload: str | bytes) -> bytes:
    return payload.encode("latin-1") if isinstance(payload, str) else payload


def prepare(factory: Any) -> None:
    # The standard wants a connection to be failed by a close frame, not by dropping it.
    factory.setProtocolOptions(failByDrop=False)
    # The library's own timer rounds down to whole seconds: its one second for the closing handshake may be none at all.
    factory._batched_timer = SimpleNamespace(call_later=reactor.callLater)


class Recorder:
    """Writes down how each case ended."""

    def __init__(self, results: TextIO) -> None:
        self.results = results
        self.exception = ""
        log.addObserver(self.observe)

    def observe(self, event: dict[str, Any]) -> None:
        """An exception in the suite's code would otherwise only be logged."""
        if event.get("isError"):
            failure = event.get("failure")
            self.exception = failure.getErrorMessage() if failure else str(event.get("why"))
            print(failure.getTraceback() if failure else self.exception, file=sys.stderr, flush=True)

    def ended(self, number: str, case: Any, code: int | None) -> None:
        verdict, text = case.behavior, case.result
        if self.exception:
            verdict, text, self.exception = "EXCEPTION", self.exception, ""
        elif verdict in PASSES and case.behaviorClose not in PASSES:
            # The messages were right, how the connection ended was not.
            verdict, text = f"CLOSE {case.behaviorClose}", f"{case.resultClose} (code {code})"
        print(json.dumps({"case": number, "verdict": verdict, "text": text}), file=self.results, flush=True)


class Fuzzing(Behind):
    """What a case uses of its connection, beside the library's own."""

    recorder: Recorder

    def __init__(self) -> None:
        super().__init__()
        self.number = ""
        self.case: Any = None
        self.connectionWasOpen = False
        self.comparesDigests = False
        self.txFrameStats: Counter[int] = Counter()

    def take(self, number: str, case: Callable[[Any], Any]) -> None:
        """Before the extensions are negotiated, because the case decides about them."""
        self.number = number
        self.case = case(self)
        # The cases about compression compare digests, so validating what comes back would only take their time.
        self.comparesDigests = hasattr(self.case, "TESTDATA")
        self.utf8validateIncoming = not self.comparesDigests

    def onOpen(self) -> None:
        self.connectionWasOpen = True
        if self.case:
            self.case.onOpen()

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        self.case.onMessage(payload if self.comparesDigests else payload.decode("latin-1"), isBinary)

    def onPong(self, payload: bytes) -> None:
        self.case.onPong(payload.decode("latin-1"))

    def connectionLost(self, reason: Any) -> None:
        super().connectionLost(reason)
        if self.case:
            self.case.onConnectionLost(self.failedByMe)
            self.recorder.ended(self.number, self.case, self.remoteCloseCode)

    def enableWirelog(self, enable: bool) -> None:
        """We keep no log of the frames."""

    def sendFrame(self, opcode: int, payload: str | bytes = b"", *rest: Any, **options: Any) -> None:
        self.txFrameStats[opcode] += 1
        super().sendFrame(opcode, octets(payload), *rest, **options)

    def sendMessage(self, payload: str | bytes, *rest: Any, **options: Any) -> None:
        super().sendMessage(octets(payload), *rest, **options)

    def sendMessageFrameData(self, payload: str | bytes, *rest: Any, **options: Any) -> None:
        super().sendMessageFrameData(octets(payload), *rest, **options)

    def sendCloseFrame(self, code: int | None = None, reasonUtf8: str | bytes | None = None, **options: Any) -> None:
        reason = None if reasonUtf8 is None else octets(reasonUtf8)
        super().sendCloseFrame(code, reason, **options)

    def continueLater(self, seconds: float, action: Callable[[], None], _: str | None = None) -> None:
        reactor.callLater(seconds, lambda: None if self.state == WebSocketProtocol.STATE_CLOSED else action())

    def killAfter(self, seconds: float) -> None:
        self.continueLater(seconds, self._fail_connection)

    def closeAfter(self, seconds: float) -> None:
        self.continueLater(seconds, self.sendClose)


class FuzzingClient(Fuzzing, websocket.WebSocketClientProtocol):
    pass


class FuzzingServer(Fuzzing, websocket.WebSocketServerProtocol):
    """A client under test asks how many cases there are, connects once for each, and says when it is done."""

    def onConnect(self, request: Any) -> None:
        self.asked = request.path
        if request.path == "/runCase":
            index = int(request.params["case"][0]) - 1
            self.take(*self.factory.chosen[index])

    def onOpen(self) -> None:
        super().onOpen()
        if not self.case:
            if self.asked == "/getCaseCount":
                self.sendMessage(str(len(self.factory.chosen)))
            self.sendClose()


class Dialler(websocket.WebSocketClientFactory):
    """Connects once for each case, one after the other."""

    def begin(self, chosen: list[tuple[str, type]]) -> None:
        prepare(self)
        self.waiting = chosen
        websocket.connectWS(self)

    def buildProtocol(self, address: Any) -> FuzzingClient:
        protocol = FuzzingClient()
        protocol.factory = self
        protocol.take(*self.waiting.pop(0))
        return protocol

    def clientConnectionLost(self, connector: Any, reason: Any) -> None:
        if self.waiting:
            connector.connect()
        else:
            reactor.stop()

    def clientConnectionFailed(self, connector: Any, reason: Any) -> None:
        print(f"the server does not answer: {reason.getErrorMessage()}", file=sys.stderr)
        reactor.stop()


def listen(chosen: list[tuple[str, type]]) -> None:
    factory = websocket.WebSocketServerFactory()
    prepare(factory)
    factory.protocol = FuzzingServer
    factory.chosen = chosen
    port = reactor.listenTCP(0, factory, interface="127.0.0.1")
    print(f"ws://127.0.0.1:{port.getHost().port}", flush=True)


def main() -> None:
    site, results, mode, *rest = sys.argv[1:]
    known = cases.load(Path(site))
    with open(results, "w") as file:
        Fuzzing.recorder = Recorder(file)
        if mode == "dial":
            url, *numbers = rest
            Dialler(url).begin([(number, known[number]) for number in numbers])
        else:
            listen([(number, known[number]) for number in rest])
        reactor.run()
    # What went wrong outside of the cases.
    sys.exit(1 if Fuzzing.recorder.exception else 0)


if __name__ == "__main__":
    main()
