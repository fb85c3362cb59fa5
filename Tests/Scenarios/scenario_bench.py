"""The benchmarks still speak the nodes' language; what they measure is not looked at here."""
from __future__ import annotations

import json

from harness import Play, require

ROWS = {"sealed-link": "rate", "public-1": "rate", "drain": "rate"}


def scenario_the_benchmarks_can_be_run(play: Play) -> None:
    for row, figure in ROWS.items():
        report = play.folder / f"{row}.json"
        done = play.run("postroad-bench", "--quick", "--only", row, "--json", report, within=120)
        require(done.child.returncode == 0, f"{row} ended with {done.child.returncode}: {done.log}")
        records = [json.loads(line) for line in report.read_text().splitlines()]
        require(any(figure in json.dumps(record) for record in records), f"{row} measured {records}")
