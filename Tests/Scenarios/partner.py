"""What the libraries that our WebSocket programs are tried with have in common; see partners.py."""
from __future__ import annotations

import asyncio
from enum import Enum
from typing import Any, Awaitable, Callable

from harness import PATIENCE_SECONDS, Failed

Handler = Callable[[Any], Awaitable[None]]


class Mode(Enum):
    """How both sides compress (RFC 7692 §7.1.1)."""

    PLAIN = "plain"
    CONTEXT = "with context"
    NO_CONTEXT = "without context"

    @property
    def flags(self) -> list[str]:
        """What our programs are told."""
        return {"plain": [], "with context": ["--deflate"]}.get(self.value, ["--deflate", "--no-context-takeover"])

    @staticmethod
    def of(extensions: str) -> Mode:
        """What a `Sec-WebSocket-Extensions` field in an answer means."""
        if "permessage-deflate" not in extensions:
            return Mode.PLAIN
        return Mode.NO_CONTEXT if "no_context_takeover" in extensions else Mode.CONTEXT


class Ended(Exception):
    """The other end closed."""

    def __init__(self, code: int | None, reason: str):
        super().__init__(f"closed with {code} {reason!r}")
        self.code = code
        self.reason = reason


async def bounded(work: Awaitable[Any]) -> Any:
    try:
        return await asyncio.wait_for(work, PATIENCE_SECONDS)
    except asyncio.TimeoutError:
        raise Failed(f"a partner waited {PATIENCE_SECONDS:.0f} s") from None
