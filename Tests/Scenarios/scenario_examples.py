"""The programs in Examples, as people are told to use them."""
from __future__ import annotations

import importlib.util
import signal
import uuid
from importlib.machinery import SourceFileLoader
from typing import Any

from harness import PEOPLE, ROOT, Client, Play, Process, new_id, require

BOT = ROOT / "Examples/echo-bot"
WITH_BOT = PEOPLE | {"s2": (*PEOPLE["s2"], "echo")}


def start_bot(play: Play) -> Process:
    play.is_apart = True  # so that its client would end with it, however the play ends
    command, home = play.client_command("echo@s2")
    bot = play.spawn("the bot", [BOT, *(word for word in command if word != "--json")], home)
    bot.wait(lambda: "echo-bot: connected as echo@s2" in bot.log, "the bot is connected")
    return bot


def expect_answer(client: Client, text: str, answer: str) -> None:
    client.send("echo@s2", text)
    got = client.expect("message", conversation="echo@s2", text=answer)
    require(got["from"] == "echo@s2" and got["encrypted"] is True, f"the answer was {got}")


def answers(client: Client) -> list[str]:
    """What the bot wrote to somebody, as their own node keeps it."""
    return [event["text"] for event in client.history("echo@s2") if event["from"] == "echo@s2"]


def scenario_the_echo_bot_answers_across_two_nodes(play: Play) -> None:
    _, s2 = play.pair(WITH_BOT)
    bot = start_bot(play)
    alice, carol, bob = play.client("alice@s1"), play.client("carol@s1"), play.client("bob@s2")
    expect_answer(alice, "hello", "Echo: hello")

    # What it does not answer comes before what it does answer; the link and the bot keep the order.
    alice.expect("state", id=alice.send("public", "hello, everybody"), state="delivered")
    floods = [alice.send("echo@s2", f"number {number}") for number in range(20)]
    alice.expect_all("delivered", floods)
    carol.expect("state", id=carol.send("echo@s2", "Echo: hello"), state="delivered")
    expect_answer(carol, "x" * 5000, "Echo: " + "x" * 1000)
    require(answers(carol) == ["Echo: " + "x" * 1000], f"carol got {answers(carol)}")
    require(len(answers(alice)) < len(floods) / 2, f"the bot answered a flood: {answers(alice)}")
    require(len(carol.texts(conversation="public")) == 1, "the bot speaks in public")

    s2.kill()
    bob.expect("disconnected")
    bob.send("echo@s2", "are you still there?")
    s2.restart()
    bob.expect("message", conversation="echo@s2", text="Echo: are you still there?")
    require(len(answers(bob)) == 1, f"bob got {answers(bob)}")
    connected = bot.log.count("echo-bot: connected as echo@s2")
    require(bot.is_running and connected == 2, f"the bot comes back by itself: {bot.log}")

    bot.signal(signal.SIGTERM)
    require(bot.ended() == 0, f"SIGTERM ends the bot with 0, not {bot.child.returncode}")
    alice.expect_status("echo@s2", "offline")


def scenario_the_echo_bot_ends_with_its_client(play: Play) -> None:
    play.pair(WITH_BOT)
    command, home = play.client_command("echo@s2")
    refused = play.spawn("the bot", [BOT, *command[:4], "--password-file", "/dev/null"], home)
    require(refused.ended() == 77, f"the bot of a client whose login is refused ended with {refused.child.returncode}")
    usage = play.spawn("the bot", [BOT], home)
    require(usage.ended() == 1 and any("Examples/echo-bot postroad" in line for line in usage.log), f"{usage.log}")
    bot = start_bot(play)
    bot.signal(signal.SIGINT)
    require(bot.ended() == 0, f"SIGINT ends the bot with 0, not {bot.child.returncode}")


def scenario_the_echo_bot_keeps_its_pace(play: Play) -> None:
    bot = load()
    pace = bot.Pace()
    given = sum(pace.allows("alice@s1", now=tenths / 10) for tenths in range(600))
    require(given == bot.ANSWERS_PER_MINUTE_MAX, f"{given} answers in a minute")
    require(pace.allows("carol@s1", now=59.9), "somebody else is answered meanwhile")
    require(pace.allows("alice@s1", now=60.0) and not pace.allows("alice@s1", now=60.9), "one answer a second")
    require(pace.allows("alice@s1", now=200.0) and list(pace.answers) == ["alice@s1"], "who is silent is forgotten")
    question = new_id()
    answer = bot.answer_id(question)
    require(answer == bot.answer_id(question) != bot.answer_id(new_id()), "the id comes from the question's")
    require(uuid.UUID(answer).version == 7 and uuid.UUID(answer).variant == uuid.RFC_4122, f"no version 7: {answer}")


def load() -> Any:
    loader = SourceFileLoader("echo_bot", str(BOT))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module
