"""A bad network between two nodes, on loopback: what passes is delayed, lost, doubled, cut or harmed, as told.

A `Wire` joins two servers by a `FaultProxy` for each direction of dialling. What is said of the way from one server to the
other (`Weather`) holds for both. On plain WebSocket links faults hit whole messages; what is TLS passes as bytes, so
there only the faults of bytes and of connections are possible.
"""
from __future__ import annotations

import asyncio
import random
import socket
import struct
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Callable, Coroutine

from frames import Cutter, Unit, payload_offset
from harness import PATIENCE_SECONDS, Failed, Play

READ_BYTES = 16 << 10
# What a proxy holds of one direction. It is small, so that a slow line fills its sender's buffers and not ours.
LANE_BYTES_MAX = 64 << 10
# Of a long line: what is on its way.
DELAYED_BYTES_MAX = 4 << 20
SOCKET_BYTES = 16 << 10
# A packet that was lost comes again after a while, and TCP keeps all behind it waiting.
LATE_SECONDS = 1.0
# A line that was idle for longer has no more to catch up than that.
PACE_DEBT_SECONDS = 0.1
# RST instead of FIN (socket(7), SO_LINGER).
LINGER_NONE = struct.pack("ii", 1, 0)
# A byte that stands in no UTF-8 text (RFC 3629 §3). A plaintext link promises nothing against a byte that
# becomes another good one; see Docs/protocol/federation.md, "Opening".
NO_TEXT = 0xFF


@dataclass
class Weather:
    """What happens on the way from one server to another."""

    delay_seconds: float = 0.0
    bytes_per_second: float = 0.0  # 0 is no limit
    is_stalled: bool = False  # nothing moves, nothing is lost: a partition as TCP sees it
    is_swallowing: bool = False  # what is sent vanishes, and nobody hears of it
    # The chance of each mischief for each message.
    chances: dict[str, float] = field(default_factory=dict)
    # Mischief for the next message that fits: what, and its tag ("" is any).
    plans: list[tuple[str, str]] = field(default_factory=list)


MISCHIEF = ("duplicate", "reorder", "truncate", "corrupt", "harm_frame", "reset", "hold", "late")


class Lane:
    """One direction of one connection."""

    def __init__(self, pair: Connection, source: str, reader: socket.socket, writer: socket.socket):
        self.pair = pair
        self.wire = pair.proxy.wire
        self.source = source
        self.weather = self.wire.weather[source]
        self.reader, self.writer = reader, writer
        self.cutter = Cutter()
        self.queue: list[tuple[float, bytes]] = []
        self.queued_bytes = 0
        self.held = b""
        # What is said here reaches nobody any more, the end included.
        self.is_lost = False
        self.is_ended = False
        # When a thin line has carried what it was given.
        self.free_at = 0.0
        self.changed = asyncio.Event()

    @property
    def other(self) -> Lane:
        return next(lane for lane in self.pair.lanes if lane is not self)

    @property
    def is_full(self) -> bool:
        """A thin line takes nothing more until what it has is gone."""
        limit = DELAYED_BYTES_MAX if self.weather.delay_seconds else 1 if self.weather.bytes_per_second else LANE_BYTES_MAX
        return self.queued_bytes >= limit and not self.loses

    @property
    def loses(self) -> bool:
        self.is_lost = self.is_lost or self.weather.is_swallowing
        return self.is_lost

    async def rest(self) -> None:
        """Waits for something to change. Nothing is missed: all that changes anything runs on the same loop."""
        self.changed.clear()
        await self.changed.wait()

    async def read(self) -> None:
        while True:
            while self.is_full or self.weather.is_stalled:
                await self.rest()
            try:
                data = await self.wire.loop.sock_recv(self.reader, READ_BYTES)
            except OSError:
                self.wire.note(f"reset by {self.source}")
                return self.gone() if self.loses else self.pair.end(is_orderly=False)
            if not data:
                break
            if self.loses:
                continue
            for unit in self.cutter.feed(data):
                if not self.pass_on(unit):
                    return
        self.wire.note(f"closed by {self.source}")
        if self.loses:
            return self.gone()
        self.put(self.held + self.cutter.rest())
        self.is_ended = True
        self.changed.set()

    def gone(self) -> None:
        """The source has ended, and the other side must not hear of it."""
        self.is_ended = True
        if self.other.is_ended:
            self.pair.end(is_orderly=False)

    def pass_on(self, unit: Unit) -> bool:
        """False if that was the end of the connection."""
        self.wire.saw(self.source, unit)
        mischief = self.choose(unit) if unit.is_message else ""
        if mischief:
            self.wire.note(f"{mischief} from {self.source}")
        if mischief == "reset":
            self.pair.end(is_orderly=False)
            return False
        if mischief == "truncate":
            self.put(unit.raw[:len(unit.raw) // 2])
            self.is_ended = True
            self.changed.set()
            return False
        if mischief == "hold":
            self.weather.is_stalled = True
        raw = harmed(unit.raw, mischief)
        if mischief == "reorder" and not self.held:
            self.held = raw
            return True
        delay = LATE_SECONDS if mischief == "late" else 0.0
        self.put(raw + (raw if mischief == "duplicate" else b"") + self.held, delay)
        self.held = b""
        return True

    def choose(self, unit: Unit) -> str:
        for index, (mischief, tag) in enumerate(self.weather.plans):
            if tag in ("", unit.tag):
                del self.weather.plans[index]
                return mischief
        chance = self.wire.chance.random() if self.weather.chances else 1.0
        for mischief, share in self.weather.chances.items():
            if chance < share:
                return mischief
            chance -= share
        return ""

    def put(self, raw: bytes, late_seconds: float = 0.0) -> None:
        if raw:
            self.queue.append((time.monotonic() + self.weather.delay_seconds + late_seconds, raw))
            self.queued_bytes += len(raw)
            self.changed.set()

    async def write(self) -> None:
        while True:
            while self.weather.is_stalled or not (self.queue or self.is_ended):
                await self.rest()
            if self.loses:
                self.queue, self.queued_bytes = [], 0
                self.changed.set()
                return
            if not self.queue:
                return self.pair.end(is_orderly=True)
            due, raw = self.queue[0]
            if (remaining := due - time.monotonic()) > 0:
                await asyncio.sleep(remaining)
                continue
            rate = self.weather.bytes_per_second
            # A slow line is slow for each piece and not only on average.
            size = max(1, int(rate / 50)) if rate else len(raw)
            self.queue[:1] = [(due, raw[size:])] if raw[size:] else []
            self.queued_bytes -= min(size, len(raw))
            try:
                await self.wire.loop.sock_sendall(self.writer, raw[:size])
            except OSError:
                # The reader's RST travels the other way, if anything does.
                self.is_lost = self.other.loses
                if not self.is_lost:
                    return self.pair.end(is_orderly=False)
            if rate:
                # What a sleep took too long counts for the next one, so that a busy machine has the same line.
                now = time.monotonic()
                self.free_at = max(self.free_at, now - PACE_DEBT_SECONDS) + min(size, len(raw)) / rate
                await asyncio.sleep(max(0.0, self.free_at - now))
            self.changed.set()


def harmed(raw: bytes, mischief: str) -> bytes:
    """The frame with a byte that its reader must notice."""
    data = bytearray(raw)
    if mischief == "harm_frame":
        data[0] |= 0x70  # reserved bits (RFC 6455 §5.2)
    if mischief == "corrupt":
        offset = payload_offset(raw)
        at = offset + (len(raw) - offset) // 2
        # A mask is undone by its reader, so it is put on here.
        data[at] = NO_TEXT ^ (raw[offset - 4 + (at - offset) % 4] if raw[1] & 0x80 else 0)
    return bytes(data)


class Connection:
    """Both directions between whoever dialled us and the node behind."""

    def __init__(self, proxy: FaultProxy, dialled: socket.socket, inner: socket.socket):
        self.proxy = proxy
        self.sockets = [dialled, inner]
        self.lanes = [Lane(self, proxy.dialler, dialled, inner), Lane(self, proxy.acceptor, inner, dialled)]
        self.tasks = [proxy.wire.start(work) for lane in self.lanes for work in (lane.read(), lane.write())]

    def end(self, is_orderly: bool) -> None:
        """FIN to both, or RST."""
        if self not in self.proxy.connections:
            return
        self.proxy.connections.remove(self)
        for task in self.tasks:
            if task is not asyncio.current_task():
                task.cancel()
        # Once the loop has let go of them, lest a new socket gets the number of one that it still watches.
        for end in self.sockets:
            self.proxy.wire.loop.call_soon(close, end, is_orderly)


def close(end: socket.socket, is_orderly: bool) -> None:
    with suppress(OSError):
        if not is_orderly:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NONE)
    end.close()


class FaultProxy:
    """Takes what `dialler` dials to `acceptor`, whose port is `target`."""

    def __init__(self, wire: Wire, dialler: str, acceptor: str, target: int):
        self.wire = wire
        self.dialler, self.acceptor, self.target = dialler, acceptor, target
        self.connections: list[Connection] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.setblocking(False)
        self.port: int = self.listener.getsockname()[1]
        self.accepting: asyncio.Task[None] = wire.on_loop(lambda: wire.start(self.accept()))

    def end(self) -> None:
        self.accepting.cancel()
        self.wire.loop.call_soon(self.listener.close)
        for pair in list(self.connections):
            pair.end(is_orderly=False)

    async def accept(self) -> None:
        while True:
            dialled, _ = await self.wire.loop.sock_accept(self.listener)
            dialled.setblocking(False)
            if self.wire.is_refusing:
                close(dialled, is_orderly=False)
            else:
                self.wire.start(self.join(dialled))

    async def join(self, dialled: socket.socket) -> None:
        inner = socket.socket()
        inner.setblocking(False)
        for end in (dialled, inner):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SOCKET_BYTES)
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SOCKET_BYTES)
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            await self.wire.loop.sock_connect(inner, ("127.0.0.1", self.target))
        except OSError:
            inner.close()
            return close(dialled, is_orderly=False)
        self.wire.note(f"opened by {self.dialler}")
        self.connections.append(Connection(self, dialled, inner))


class Wire:
    """All that passes between two servers. What is done to it is done at once, in the order in which it is told."""

    def __init__(self, play: Play, one: str, other: str):
        self.names = (one, other)
        self.changed = play.changed
        self.chance = random.Random(play.seed)
        self.weather = {one: Weather(), other: Weather()}
        self.proxies: dict[str, FaultProxy] = {}
        self.is_refusing = False
        # When what happened; and what passed, by who said it and its tag.
        self.notes: list[tuple[float, str]] = []
        self.passed: Counter[tuple[str, str]] = Counter()
        self.bytes_passed: Counter[str] = Counter()
        self.loop = asyncio.new_event_loop()
        self.tasks: set[asyncio.Task[None]] = set()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        play.closing.callback(self.close)

    def entry(self, transport: str = "ws") -> Callable[[str, str, int], str]:
        """For `Play.servers`: each dials the other through here; whoever is not of this wire is dialled directly."""
        def entry(dialler: str, acceptor: str, port: int) -> str:
            if {dialler, acceptor} != set(self.names):
                return f"{transport}://127.0.0.1:{port}"
            if old := self.proxies.pop(dialler, None):
                self.on_loop(old.end)
            proxy = self.proxies[dialler] = FaultProxy(self, dialler, acceptor, port)
            return f"{transport}://127.0.0.1:{proxy.port}"

        return entry

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self.loop.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    def on_loop(self, act: Callable[[], Any]) -> Any:
        async def call() -> Any:
            return act()

        return asyncio.run_coroutine_threadsafe(call(), self.loop).result(PATIENCE_SECONDS)

    def note(self, what: str) -> None:
        with self.changed:
            self.notes.append((time.monotonic(), what))
            self.changed.notify_all()

    def saw(self, source: str, unit: Unit) -> None:
        with self.changed:
            self.passed[source, unit.tag] += 1
            self.bytes_passed[source] += len(unit.raw)
            self.changed.notify_all()

    def wait(self, find: Callable[[], Any], what: str, within: float = PATIENCE_SECONDS) -> Any:
        deadline = time.monotonic() + within
        with self.changed:
            while not (found := find()):
                remaining = deadline - time.monotonic()
                if remaining <= 0:
                    raise Failed(f"the wire {'–'.join(self.names)}: waited {within:.0f} s for: {what}")
                self.changed.wait(remaining)
            return found

    def noted(self, what: str, since: float = 0.0) -> float | None:
        """When that first happened."""
        return next((at for at, told in self.notes if at >= since and told == what), None)

    # What can be done to it. `sources` are those whose words it happens to; both, unless said.

    def set(self, *sources: str, **changes: Any) -> None:
        def act() -> None:
            for source in sources or self.names:
                for name, value in changes.items():
                    setattr(self.weather[source], name, value)
            self.wake()

        self.on_loop(act)

    def wake(self) -> None:
        for lane in self.lanes():
            lane.changed.set()

    def lanes(self) -> list[Lane]:
        return [lane for proxy in self.proxies.values() for pair in proxy.connections for lane in pair.lanes]

    def next(self, mischief: str, source: str, tag: str = "") -> None:
        """The next message of that tag from `source` suffers it."""
        if mischief not in MISCHIEF:
            raise Failed(f"{mischief} is no mischief")
        self.on_loop(lambda: self.weather[source].plans.append((mischief, tag)))

    def reset(self) -> None:
        """All connections end with RST."""
        def act() -> None:
            for proxy in self.proxies.values():
                for pair in list(proxy.connections):
                    pair.end(is_orderly=False)

        self.on_loop(act)

    def lose(self, *sources: str) -> float:
        """What these say on the present connections vanishes from now on; new connections are whole. Returns when."""
        def act() -> float:
            for lane in self.lanes():
                if lane.source in (sources or self.names):
                    lane.is_lost = True
                    lane.changed.set()
            return time.monotonic()

        return self.on_loop(act)

    def refuse(self, is_refusing: bool = True) -> None:
        """Whether a dial is answered with RST, as by a port where nobody listens."""
        self.on_loop(lambda: setattr(self, "is_refusing", is_refusing))

    def heal(self) -> None:
        """Fair weather; what was stalled goes on, what was lost stays lost."""
        self.refuse(False)
        self.set(delay_seconds=0.0, bytes_per_second=0.0, is_stalled=False, is_swallowing=False)
        self.set(chances={})
        self.on_loop(lambda: [self.weather[name].plans.clear() for name in self.names])

    def close(self) -> None:
        def act() -> None:
            for proxy in self.proxies.values():
                proxy.end()
            for task in list(self.tasks):
                task.cancel()

        self.on_loop(act)
        self.on_loop(lambda: None)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()
