"""The two programs as commands: their options, exit codes, first and last words."""
from __future__ import annotations

import json
import signal
import socket
import threading
from pathlib import Path

from harness import Node, Play, Process, password_of, require
from raw import RawClient

OK, FAILURE, USAGE, UNKNOWN_HOST, UNREACHABLE, PROTOCOL, REFUSED_LOGIN, BAD_CONFIGURATION = 0, 1, 2, 68, 69, 76, 77, 78


def said(process: Process) -> str:
    return "\n".join(process.lines + process.log)


def require_exit(process: Process, code: int, *words: str) -> None:
    require(process.ended() == code, f"{process.name} was to exit with {code}, did with {process.child.returncode}")
    for word in words:
        require(word in said(process), f"{process.name} was to mention {word!r}, said: {said(process)}")
    require("Fatal error" not in said(process), f"{process.name} crashed: {said(process)}")


def scenario_help_version_and_usage(play: Play) -> None:
    for program in ("postroad-node", "postroad"):
        require_exit(play.run(program, "--help"), OK, program, "--setup", "--version")
        require_exit(play.run(program, "--version"), OK, "0.")
        require_exit(play.run(program, "--nonsense"), USAGE, "--nonsense")
        require_exit(play.run(program, "--setup"), USAGE, "--setup")
    require_exit(play.run("postroad", "no-address", "--json"), USAGE, "no-address")


def scenario_a_node_tells_its_key_before_and_after_its_first_start(play: Play) -> None:
    node = Node(play, "s1", play.setup("s1"))
    before = play.run(*node.command("key"))
    require_exit(before, OK)
    node.start()
    require(before.lines == [node.fingerprint], f"key printed {before.lines}, the node {node.fingerprint}")
    require(node.running().lines == node.running().lines[:1], "the ready line is all that a node prints")
    require(node.stop() == OK, "SIGTERM ends a node with 0")
    after = play.run(*node.command("key"))
    require(after.lines == [node.fingerprint], f"afterwards key printed {after.lines}")
    for path in (node.folder / "data").rglob("*"):
        require(path.stat().st_mode & 0o077 == 0, f"{path} may be read by others")


def scenario_a_bad_setup_stops_the_start_and_names_the_fault(play: Play) -> None:
    cases = [
        ({"server_nam": "s1"}, ["server_nam", "server_name"]),
        ({"server_name": "S1 "}, ["server_name"]),
        ({"client_address": "nowhere"}, ["client_address"]),
        ({"password_iterations": 1}, ["password_iterations", "4096"]),
        ({"mailing_address": {"s2": {"adress": "127.0.0.1:1"}}}, ["adress"]),
        ({"mailing_address": {"s2": {"key": "ed25519:short"}}}, ["key"]),
        ({"admin": {"alice@s2": "elsewhere"}}, ["alice@s2"]),
        ({"admin": ["alice"]}, ["admin"]),
    ]
    for changes, words in cases:
        process = Node(play, "s1", play.setup("s1", **changes)).launch()
        require_exit(process, BAD_CONFIGURATION, *words)
    missing = play.run("postroad-node", "run", "--setup", "nowhere.json")
    require_exit(missing, BAD_CONFIGURATION, "nowhere.json")
    broken = play.folder / "broken.json"
    broken.write_text('{"server_name": "s1",}')
    require_exit(play.run("postroad-node", "run", "--setup", broken), BAD_CONFIGURATION, "broken.json")


def scenario_a_taken_port_is_named(play: Play) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        for name in ("client_address", "link_address"):
            process = Node(play, "s1", play.setup("s1", **{name: f"127.0.0.1:{port}"})).launch()
            require(process.ended() != 0, "a node without its port does not run")
            require(str(port) in said(process), f"the port is named: {said(process)}")


def scenario_the_shipped_forms_of_setup_load(play: Play) -> None:
    """The original network's file has three keys; accounts may be given as addresses."""
    node = Node(play, "s1", {"server_name": "s1"})
    setup = play.setup("s1", admin={"alice@s1": password_of("alice")}, mailing_address={
        "s2": "127.0.0.1:9", "s3": "ws://127.0.0.1:9", "s4": {"address": "127.0.0.1:9"},
    })
    node.write_setup(setup)
    play.nodes["s1"] = node
    node.start()
    alice = play.client("alice@s1")
    alice.expect("message", id=alice.send("public", "it works"))


def scenario_a_second_node_on_the_same_data_is_refused(play: Play) -> None:
    node = play.node("s1")
    second = play.spawn("s1 again", node.command("run"), node.folder)
    require(second.ended() in (FAILURE, BAD_CONFIGURATION), f"it ended with {second.child.returncode}")
    require(any(word in said(second) for word in ("in use", "locked", "already", "another")), said(second))
    alice = play.client("alice@s1")
    alice.expect("message", id=alice.send("public", "the first one serves on"))


def scenario_a_damaged_database_is_named_at_the_start(play: Play) -> None:
    node = play.node("s1")
    require(node.stop() == 0, "SIGTERM ends a node with 0")
    for name in ("spool.db", "node.db"):
        file = node.folder / "data" / name
        file.write_bytes(b"no database at all, and long enough to be looked into" * 100)
        start = play.spawn("s1 again", node.command("run"), node.folder)
        require(start.ended() == FAILURE, f"it ended with {start.child.returncode}")
        require(len(start.log) == 2 and start.log[0].startswith(f"error: {file}: ")
                and start.log[1].startswith("hint: stop, keep a copy of the file"), f"it said {start.log}")


def scenario_sigterm_drains_within_ten_seconds(play: Play) -> None:
    s1, _ = play.pair()
    alice, bob = play.client("alice@s1"), play.client("bob@s2")
    alice.expect_online(bob.name)
    sent = [alice.send(bob.name, f"number {number}") for number in range(50)]
    with RawClient(s1) as raw:
        raw.logged_in("carol")
        raw.say({"tag": "ping", "ref": 1})
        raw.expect("pong")
        s1.running().signal(signal.SIGTERM)
        raw.expect_end("draining")
    require(s1.running().ended(within=10) == OK, "SIGTERM ends a node with 0")
    alice.expect("disconnected")
    s1.restart()
    alice.expect_all("delivered", sent)
    bob.wait(lambda: len(bob.texts(conversation=alice.name)) == len(sent), "bob has all")
    require(bob.texts(conversation=alice.name) == [f"number {number}" for number in range(50)], "once and in order")


def scenario_the_client_says_why_it_cannot_connect(play: Play) -> None:
    node = play.node("s1")
    server = f"127.0.0.1:{node.client_port}"
    secret = {"POSTROAD_PASSWORD": password_of("alice")}
    command = ["postroad", "alice@s1", "--json", "--server"]
    require_exit(play.run(*command, server, POSTROAD_PASSWORD="wrong"), REFUSED_LOGIN)
    require_exit(play.run("postroad", "alice@s2", "--json", "--server", server, **secret), UNKNOWN_HOST)
    require_exit(play.run(*command, "no-such-host.invalid:5001", **secret), UNKNOWN_HOST)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        require_exit(play.run(*command, f"127.0.0.1:{closed.getsockname()[1]}", **secret), UNREACHABLE)
    require_exit(play.run("postroad", "alice@s1", "--json", "--setup", "nowhere.json", **secret), BAD_CONFIGURATION)
    setup = play.folder / "client_setup.json"
    setup.write_text(json.dumps({"servers": {"s1": server}, "colour": "red"}))
    require_exit(play.run("postroad", "alice@s1", "--json", "--setup", setup, **secret), BAD_CONFIGURATION, "colour")


def scenario_the_client_ends_when_the_other_side_is_no_node(play: Play) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            for _ in ("under TLS", "without"):
                connection, _ = listener.accept()
                with connection:
                    connection.recv(4096)
                    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        server = f"127.0.0.1:{listener.getsockname()[1]}"
        require_exit(play.run("postroad", "alice@s1", "--json", "--server", server, POSTROAD_PASSWORD="x"), PROTOCOL)
        thread.join()


def scenario_a_client_setup_names_its_servers(play: Play) -> None:
    node = play.node("s1")
    setup = play.folder / "client_setup.json"
    setup.write_text(json.dumps({"servers": {"s1": f"127.0.0.1:{node.client_port}"}}))
    process = play.spawn(
        "alice", [play.binaries / "postroad", "alice@s1", "--json", "--setup", setup], play.folder,
        POSTROAD_PASSWORD=password_of("alice"))
    process.wait(lambda: any('"connected"' in line for line in process.lines), "connected")
    process.write('{"do":"quit"}')
    require_exit(process, OK)


def scenario_json_commands_that_are_wrong_are_answered(play: Play) -> None:
    play.node("s1")
    alice = play.client("alice@s1")
    for number, command in enumerate(['{"do":"dance"}', "{", '{"do":"message","to":"Public!","text":"x"}',
                                      '{"do":"message","text":"to nobody"}', '{"do":"keys","of":"nobody@s1"}']):
        since = alice.mark()
        alice.write(command)
        told = alice.expect("error", since)
        require(bool(told["code"]) and bool(told["text"]), f"command {number} was answered with {told}")
    alice.expect("message", id=alice.send("public", "and on it goes"))
    require(alice.quit() == OK, "quit ends a client with 0")


def scenario_a_client_keeps_its_keys_to_itself(play: Play) -> None:
    play.node("s1")
    alice = play.client("alice@s1")
    require(alice.quit() == OK, "quit ends a client with 0")
    home = play.folder / "home-alice"
    kept = [path for path in home.rglob("*") if path.is_file() and path.name != "password"]
    require(len(kept) > 0, f"nothing was kept below {home}")
    for path in kept:
        require(path.stat().st_mode & 0o077 == 0, f"{path} may be read by others")
    again = play.client("alice@s1")
    again.expect_online("alice@s1")
    told = [event for event in again.ask("keys", of="alice@s1") if event["event"] == "key"]
    require(len(told) == 1, f"the second start made another key: {told}")
