"""The tables of Docs/testing.md name plays that exist, and each row that a play claims to show."""
from __future__ import annotations

import importlib
import re
from pathlib import Path

from harness import ROOT, Play, require

ROW = re.compile(r"^\| ((?:fault|security) \d+) \|", re.MULTILINE)
PLAY = re.compile(r"`([a-z_]+: [a-z ]+)`")


def scenario_the_tables_name_what_is_played(_: Play) -> None:
    text = (ROOT / "Docs/testing.md").read_text()
    labels: set[str] = set()
    rows: set[str] = set()
    for path in Path(__file__).parent.glob("scenario_*.py"):
        file = path.stem.removeprefix("scenario_")
        for name, value in vars(importlib.import_module(path.stem)).items():
            if name.startswith("scenario_"):
                labels.add(f"{file}: {name.removeprefix('scenario_').replace('_', ' ')}")
                rows |= set(getattr(value, "rows", ()))
    named = set(PLAY.findall(text))
    require(len(named) > 30 and named <= labels, f"plays that are named and not there: {named - labels}")
    listed = set(ROW.findall(text))
    require(rows == listed, f"rows of plays and of the tables differ: {rows ^ listed}")
