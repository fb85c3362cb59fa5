"""Loads the cases of the Autobahn test suite, which are Python 2, into Python 3.

In Python 2 a string is bytes. Here the sources are read as Latin-1, so that each byte of a string is one character, and
`suite.py` converts where payload goes to and comes from the library. What else differs is little: see TRANSLATIONS. The
verdicts are the suite's own.
"""
from __future__ import annotations

import importlib
import re
import sys
import types
from importlib.machinery import FileFinder, SourceFileLoader
from pathlib import Path
from typing import Any

TRANSLATIONS: list[tuple[str, Any]] = [
    # What became something else in Python 3.
    (r"\bxrange\b", "range"),
    (r"^( +)print\b.*", r"\1pass"),
    (r"\(object, Case, \)", "(Case, )"),
    (r"(len\(self\.payload\)) / ", r"\1 // "),
    # What has another spelling in the library of today.
    (r"\b(accept|request)(No|Max)(Context|Window)(Takeover|Bits)\b", lambda name: "_".join(name.groups()).lower()),
    # Where a byte string is handed to the library by another way than the connection. The digits are for descriptions.
    (r"\bv\.validate\(vss\[:i\]\)", "v.validate(vss[:i].encode('latin-1'))"),
    (r"\bbinascii\.b2a_hex\(", "repr("),
    # Equal values need not have equal pickles: how often one object is referred to shows in them.
    (r"pickle\.dumps\((\w+)\) == pickle\.dumps\((\w+)\)", r"\1 == \2"),
    # The suite has this case but does not run it, and its module needs what Python 3 libraries no longer have.
    (r"^from case9_9_1 import .*", ""),
]


class Python2Loader(SourceFileLoader):
    def source_to_code(self, data: Any, path: Any, **options: Any) -> types.CodeType:  # type: ignore[override]
        text = bytes(data).decode("latin-1")
        for pattern, replacement in TRANSLATIONS:
            text = re.sub(pattern, replacement, text, flags=re.MULTILINE)
        return compile(text, path, "exec", dont_inherit=True)


def load(site: Path) -> dict[str, type]:
    """All cases that the suite in this folder would run, by number such as 6.22.34, in its order."""
    folder = str(site / "autobahntestsuite/case")
    # The modules import each other by their short names. No cached code: it would outlive a change of TRANSLATIONS.
    sys.dont_write_bytecode = True
    sys.path.insert(0, folder)
    sys.path_importer_cache[folder] = FileFinder(folder, (Python2Loader, [".py"]))
    # Some ask where this package lies, for their data; it itself is Python 2 and not needed.
    package = types.ModuleType("autobahntestsuite")
    package.__file__ = str(site / "autobahntestsuite/__init__.py")
    sys.modules["autobahntestsuite"] = package
    cases = importlib.import_module("__init__").Cases
    return {case.__name__.removeprefix("Case").replace("_", "."): case for case in cases}
