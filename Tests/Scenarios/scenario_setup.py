"""`postroad-node check`: the same complaints as the start's, and otherwise a summary that changes nothing."""
from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from harness import Node, Play, Process, password_of, require

OK, FAILURE, BAD_CONFIGURATION = 0, 1, 78
# root may write everywhere unless it gives that up.
KEY = "ed25519:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
WITHOUT_PRIVILEGES = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--"] if os.geteuid() == 0 else []


def check(play: Play, file: Path | str, *options: str) -> Process:
    command = [*WITHOUT_PRIVILEGES, play.binaries / "postroad-node", "check", "--setup", file, *options]
    process = play.spawn("check", command, play.folder)
    process.ended()
    return process


def expect_refusal(play: Play, file: Path | str, complaint: str) -> None:
    """`check` and `run` complain in the same words."""
    checked = check(play, file)
    run = play.spawn("run", [*WITHOUT_PRIVILEGES, play.binaries / "postroad-node", "--setup", file], play.folder)
    for process in (checked, run):
        require(process.ended() == BAD_CONFIGURATION, f"{file}: {process.name} ended with {process.child.returncode}")
        require(process.log == [f"error: {complaint}"] and not process.lines, f"{process.name} said {process.log}")


def summary(play: Play, node: Node, code: int = OK) -> dict[str, Any]:
    process = check(play, node.setup_file, "--json")
    require(process.ended() == code and (process.log == []) == (code == OK), f"check said {process.log}")
    (line,) = process.lines
    return json.loads(line)


def listing(play: Play) -> dict[Path, tuple[int, int]]:
    return {path: (path.stat().st_mode, path.stat().st_mtime_ns) for path in play.folder.rglob("*")}


def scenario_check_refuses_what_the_start_refuses(play: Play) -> None:
    file = play.folder / "setup.json"
    cases = [
        ("", "1: the file is empty; the least it can hold is {\"server_name\": \"s1\"}"),
        ("{\n\"server_name\": \"s1\",\n}", "3: this is not the JSON it should be: a member begins with its name in "
                                           "quotes (at byte 23)"),
        ("{\"server_name\": \"s1\",\n\"admin\": {\"bob\": \"x\",\n\"bob@s1\": \"y\"}}",
         "3: \"bob@s1\": \"admin\" names bob@s1 twice"),
        ("{\"server_name\": \"s1\",\n\"mailing_address\": {\"s2\":\n{\"kye\": \"\"}}}",
         "3: \"s2\": unknown key \"kye\"; did you mean \"key\"? Known keys: address, key, presence"),
    ]
    for text, complaint in cases:
        file.write_text(text)
        expect_refusal(play, file, f"{file}:{complaint}")
    file.write_bytes(b'{"server_name":\n"\xff"}')
    expect_refusal(play, file, f"{file}:2: this is not the JSON it should be: the text is not valid UTF-8 (at byte 17)")
    file.write_text("{\"server_name\": \"s1\"}" + " " * (16 << 20))
    expect_refusal(play, file, f"{file}: is longer than 16777216 bytes")
    expect_refusal(play, play.folder, f"{play.folder}: cannot be read: Is a directory")
    expect_refusal(play, "nowhere.json", "nowhere.json: cannot be read: there is no such file")
    file.chmod(0)
    expect_refusal(play, file, f"{file}: cannot be read: Permission denied")


def scenario_check_tells_what_a_setup_means_and_changes_nothing(play: Play) -> None:
    node = Node(play, "s1", play.setup("s1", mailing_address={"s2": "127.0.0.1:9", "s8": "ws://10.0.0.8:5555", "s4": {"key": KEY}}))
    before = listing(play)
    words = check(play, node.setup_file)
    require(words.ended() == OK and words.log == [], f"check said {words.log}")
    for row in ("server_name                 s1", "2 accounts; 2 passwords as typed", "dialled at 127.0.0.1:9 under TLS", "dialled at 10.0.0.8:5555 in plaintext",
                f"{node.folder}/data, which would be made"):
        require(row in "\n".join(words.lines), f"{row!r} is missing in {words.lines}")
    require(password_of("alice") not in "\n".join(words.lines), "check prints a password")
    told = summary(play, node)
    require(told["server_name"] == "s1" and told["admin"] == {"accounts": 2, "typed": 2, "unreadable": 0}, f"{told}")
    require([peer["dialled"] for peer in told["mailing_address"]] == [True, True, False], f"{told}")
    require(told["data"] == {"folder": f"{node.folder}/data", "state": "would-be-made"}, f"{told}")
    require(listing(play) == before, "check changed something")


def scenario_check_may_run_beside_the_node(play: Play) -> None:
    node = play.node("s1")
    node.write_setup(node.setup | {"client_address": f"127.0.0.1:{node.client_port}"})
    require(summary(play, node)["data"]["state"] == "exists", "the folder of a running node exists")
    alice = play.client("alice@s1")
    alice.expect("message", id=alice.send("public", "it serves on"))


def scenario_check_tells_of_a_folder_that_the_node_could_not_use(play: Play) -> None:
    closed = play.folder / "closed"
    closed.mkdir(mode=0o500)
    node = Node(play, "s1", play.setup("s1", data=str(closed)))
    require(summary(play, node, FAILURE)["data"]["reason"] == "it is not writable", "the folder itself is closed")
    node.write_setup(node.setup | {"data": f"{closed}/further/down"})
    require(summary(play, node, FAILURE)["data"]["reason"] == f"{closed}: it is not writable", "the one above is closed")
    node.write_setup(node.setup | {"data": str(node.setup_file)})
    require(summary(play, node, FAILURE)["data"]["reason"] == "it is not a folder", "a file is in its place")
