"""``lab operations``: recordings that are transcribed while nobody waits."""

import argparse
import asyncio
import math

from lab_kit.cli.call import print_text


def add(command: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    command.add_argument("--url", required=True, help="a running server")
    command.add_argument("--key", help="the server's key")
    actions = command.add_subparsers(required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="names, states, how far each is")
    listing.add_argument("--filter", default="", help="such as 'done = false'")
    listing.set_defaults(run=_list)
    for action, what in (
        ("text", "print what came of it, once it has ended"),
        ("cancel", "end it without a result"),
        ("delete", "forget one that has ended, and its transcription"),
    ):
        one = actions.add_parser(action, help=what)
        one.add_argument("name", help="as list prints it: operations/…")
        one.set_defaults(run=_one, action=action)


def _list(options: argparse.Namespace) -> int:
    async def listed() -> None:
        from lab_kit import client

        async for one in client.Operations(options.url, options.key).all(options.filter):
            told = one.metadata
            print(f"{one.name}  {told.state:9}  {told.processed_s:,.0f} of {told.audio_s:,.0f} s")

    asyncio.run(listed())
    return 0


def _one(options: argparse.Namespace) -> int:
    async def done() -> None:
        from lab_kit import client

        operations = client.Operations(options.url, options.key)
        match options.action:
            case "text":
                ended = await operations.wait(options.name, math.inf)
                print_text((await operations.result(ended)).text)
            case "cancel":
                await operations.cancel(options.name)
            case _:
                operation = await operations.get(options.name)
                if operation.response is not None:
                    await operations.delete(operation.response.transcription)
                await operations.delete(options.name)

    asyncio.run(done())
    return 0
