"""What a partner says to one of our echoing programs, whichever of them dialled, and what must come back."""
from __future__ import annotations

import os
from typing import Any, Awaitable, Callable

from echo import MESSAGE_BYTES_MAX
from harness import Failed, require
from partner import Ended, Mode

Case = Callable[[Any], Awaitable[None]]

# Lengths at the borders of RFC 6455 §5.2's three forms, and of the length from which we compress.
LENGTHS = [0, 1, 125, 126, 127, 128, 65_535, 65_536, 65_537]
WORDS = "καλημέρα κόσμε, \U0001f600 grüß dich; "
MEBIBYTE = 1 << 20


def text_of(length: int) -> str:
    """So many bytes of text with characters of one to four bytes. It shrinks as lines of a log do, not as a bomb."""
    lines = "".join(f"{number}: {WORDS}" for number in range(length // 50 + 1)).encode()
    text = lines[:length].decode(errors="ignore")
    return text + "x" * (length - len(text.encode()))


async def echoes(socket: Any, message: str | bytes) -> None:
    await socket.send(message)
    await expect(socket, message)


async def expect(socket: Any, message: str | bytes) -> None:
    got = await socket.receive()
    require(got == message, f"{len(message)} of {type(message).__name__} were expected, came {got[:60]!r}…")


async def every_length(socket: Any) -> None:
    for length in LENGTHS:
        await echoes(socket, text_of(length))
        await echoes(socket, text_of(length).encode())
        await echoes(socket, os.urandom(length))


async def many_at_once(socket: Any) -> None:
    """Order is kept, and what is alike in all of them makes use of a context."""
    messages = [f"message {number}: {WORDS * 10}" for number in range(100)]
    for message in messages:
        await socket.send(message)
    for message in messages:
        await expect(socket, message)


async def fragments(socket: Any) -> None:
    text = text_of(3_000)
    for size in (1, 7, 200, 2_999):
        pieces = [text[at:at + size] for at in range(0, len(text), size)]
        await socket.send_fragments(pieces)
        await expect(socket, text)
    data = os.urandom(5_000)
    await socket.send_fragments([b"", data[:1], b"", data[1:], b""])
    await expect(socket, data)
    data = text_of(1_000_000).encode()
    await socket.send_fragments([data[at:at + 100] for at in range(0, len(data), 100)])
    await expect(socket, data)


async def pings(socket: Any) -> None:
    for payload in (b"", b"a", bytes(range(125))):
        await socket.ping(payload)
    await echoes(socket, "between the pings")


async def a_bomb(socket: Any) -> None:
    """A mebibyte of nothing: a thousand times what it is on the wire if it is compressed, and then no message."""
    await socket.send(bytes(MEBIBYTE))
    try:
        await expect(socket, bytes(MEBIBYTE))
        require(socket.mode is Mode.PLAIN, "the bomb was taken")
    except Ended as ended:
        require(socket.mode is not Mode.PLAIN and ended.code == 1008, f"the bomb ended with {ended}")


async def big_messages(socket: Any) -> None:
    await echoes(socket, text_of(MEBIBYTE))
    await echoes(socket, os.urandom(MEBIBYTE))
    await echoes(socket, os.urandom(MEBIBYTE) * (MESSAGE_BYTES_MAX // MEBIBYTE))


async def a_message_over_the_limit(socket: Any) -> None:
    """The frame's header alone decides; compressed, what it inflates to."""
    await socket.send(os.urandom(MESSAGE_BYTES_MAX + (1 if socket.mode is Mode.PLAIN else MEBIBYTE)))
    try:
        got = await socket.receive()
    except Ended as ended:
        require((ended.code, ended.reason) == (1009, "message too big"), f"1009 was expected, came {ended}")
    else:
        raise Failed(f"a message over the limit was answered with {got[:60]!r}")


def closes_with(code: int, reason: str) -> Case:
    """RFC 6455 §5.5.1: the answer repeats the code."""

    async def case(socket: Any) -> None:
        await echoes(socket, f"before {code}")
        ended = await socket.close(code, reason)
        require(ended.code == code, f"{code} was answered with {ended}")

    return case


CLOSES = [closes_with(code, reason) for code, reason in (
    (1000, ""), (1001, "the page is gone"), (1011, "Ω" * 61), (3000, "a library's"), (4999, "an application's"))]


def cases(partner: Any) -> list[Case]:
    found = [every_length, many_at_once, pings, big_messages, a_message_over_the_limit, *CLOSES]
    return found + [fragments] * partner.fragments + [a_bomb] * partner.bombs
