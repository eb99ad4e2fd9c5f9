"""A conversation passes the door as anything else does: keys, limits, usage, audit, redaction."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hang import HANG_S

from lab_kit.client.address import ServerAddress
from lab_kit.client.conversation import TalkClient, connect_conversation
from lab_kit.core.child_process import Child
from lab_kit.core.errors import LabError
from lab_kit.dialects.openai.conversation.client import AnswerEnded, AnswerSound, AnswerText
from lab_kit.engine.scripted import SCRIPTED


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Child]:
    """A light one: it hears by a script, and answers and speaks with the real models."""
    script = tmp_path / "script.txt"
    script.write_text("What is the capital of France?\n")
    about = ["--model", SCRIPTED, "--script", str(script), "--state", str(tmp_path / "state")]
    child = Child("lab_kit.gateway.run.process", [*about, "--usage", str(tmp_path / "usage")])
    try:
        child.wait_until_ready("/readyz")
        yield child
    finally:
        child.stop()


async def answered(client: TalkClient) -> tuple[str, float, AnswerEnded]:
    """Its words, the seconds of its sound, and how it ended."""
    text, spoken_s = "", 0.0
    async with asyncio.timeout(HANG_S):
        async for told in client:
            match told.event:
                case AnswerText():
                    text += told.event.text
                case AnswerSound():
                    spoken_s += len(told.event.pcm24) / 48_000
                case AnswerEnded():
                    return text, spoken_s, told.event
    raise AssertionError("no answer")


def used(folder: Path) -> list[dict[str, Any]]:
    lines = [
        line
        for file in folder.rglob("*")
        if file.is_file()
        for line in file.read_bytes().splitlines()
        if line.startswith(b"{")
    ]
    return [json.loads(line)["data"] for line in lines]


async def test_what_was_spoken_is_counted_and_nothing_that_was_not(
    server: Child, tmp_path: Path
) -> None:
    async with connect_conversation(ServerAddress(server.url)) as client:
        await client.write("What is the capital of France?")
        await client.ask()
        text, spoken_s, ended = await answered(client)
    server.stop()
    speech = [event for event in used(tmp_path / "usage") if event["kind"] == "speech"]
    assert sum(event["characters"] for event in speech) == len(text.replace("  ", " "))
    assert sum(event["processed_us"] for event in speech) / 1e6 == pytest.approx(spoken_s, abs=0.1)
    assert sum(event["tokens"] for event in speech) <= ended.tokens
    assert sum(event["compute_us"] for event in speech) > 0


async def test_a_conversation_without_a_model_by_name_is_refused(server: Child) -> None:
    address = ServerAddress(server.url)
    with pytest.raises(LabError):
        async with connect_conversation(address, model=""):
            pass
