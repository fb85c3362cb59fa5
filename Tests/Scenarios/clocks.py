"""Clocks that are wrong and jump under a running program, by libfaketime."""
from __future__ import annotations

from pathlib import Path

from harness import Node, require

LIBRARY_PATTERN = "lib/*/faketime/libfaketimeMT.so.1"


class WallClock:
    """The clock on the wall of one node, from its next start on. Clocks that only count up stay as they are, unless
    `everything` is to run at another speed."""

    def __init__(self, node: Node, everything: bool = False):
        libraries = list(Path("/usr").glob(LIBRARY_PATTERN))
        require(bool(libraries), "libfaketime is missing; run Scripts/install-packages --tests")
        self.file = node.folder / "wall-clock"
        self.set("+0")
        node.environment |= {
            "LD_PRELOAD": str(libraries[0]), "FAKETIME_TIMESTAMP_FILE": str(self.file), "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "0" if everything else "1",
        }

    def set(self, offset: str) -> None:
        """How far it is off: `+1d`, `-2d`, or `+0 x0.5` for one that runs at half speed."""
        # In one step, so that the node reads the old words or the new ones.
        new = self.file.with_suffix(".new")
        new.write_text(offset + "\n")
        new.replace(self.file)
