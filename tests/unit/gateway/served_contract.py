"""What the server says of its interface, as it is now and as it was last published.

``python tests/unit/gateway/served_contract.py`` publishes it: `make contract`. What breaks clients
is only written where ``--breaking`` says that it is meant.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[3]
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "tests/unit/gateway")]

from scripted_engine import ScriptedEngine, recognizer, server_at  # noqa: E402
from starlette.testclient import TestClient  # noqa: E402

from lab_kit.gateway.run.app import create_app  # noqa: E402
from lab_kit.protocol.contract.change import Change, Verdict, worst  # noqa: E402
from lab_kit.protocol.contract.reading import changes_between, read_contract  # noqa: E402
from lab_kit.protocol.proto_text import proto_text  # noqa: E402

PUBLISHED = ROOT / "docs/contract"


def served(folder: Path) -> dict[str, bytes]:
    """Each document by the name under which it is published.

    Args:
        folder: an empty one, for the server that is asked.
    """
    server = server_at(folder, lambda _: recognizer(ScriptedEngine("so")))
    client = TestClient(create_app(server))
    documents = {
        f"{name}.json": _lines(client.get(f"/{name}.json").content)
        for name in ("openapi", "asyncapi")
    }
    server.stop()
    files = sorted((ROOT / "lab_kit").rglob("*.proto"))
    assert len({path.name for path in files}) == len(files), "two files would be published as one"
    own = {"lab_speech_v1.proto": proto_text().encode()}
    return documents | own | {path.name: path.read_bytes() for path in files}


def published() -> dict[str, bytes]:
    """What clients were told last."""
    return {path.name: path.read_bytes() for path in sorted(PUBLISHED.iterdir())}


def differences(old: dict[str, bytes], new: dict[str, bytes]) -> dict[str, tuple[Change, ...]]:
    """The changes of each document that both have."""
    return {
        name: changes_between(read_contract(name, old[name]), read_contract(name, new[name]))
        for name in old
        if name in new
    }


def complaints(old: dict[str, bytes], new: dict[str, bytes]) -> list[str]:
    """What has to be done before the server may go out, a sentence each; empty if nothing."""
    told = []
    for name, changes in differences(old, new).items():
        for change in changes:
            then = "it is not in docs/contract: run make contract, and tell users in CHANGELOG.md"
            if change.verdict is Verdict.BREAKING:
                then = (
                    "clients break: serve the old form beside the new one; "
                    "if it is meant, run make contract BREAKING=1, and say so in CHANGELOG.md"
                )
            told.append(f"{name}, {change.verdict}: {change.sentence}. {then}")
    told += [f"{name} is no longer served: clients of it break" for name in old.keys() - new.keys()]
    told += [
        f"{name} is not in docs/contract: run make contract" for name in new.keys() - old.keys()
    ]
    return told


def publish(is_breaking_meant: bool) -> int:
    """Write what is served; returns the exit code."""
    with tempfile.TemporaryDirectory() as folder:
        now = served(Path(folder))
    PUBLISHED.mkdir(exist_ok=True)
    old = published()
    found = [one for changes in differences(old, now).values() for one in changes]
    gone = sorted(old.keys() - now.keys())
    if (worst(found) is Verdict.BREAKING or gone) and not is_breaking_meant:
        for sentence in complaints(old, now):
            print(sentence, file=sys.stderr)
        return 1
    for name in gone:
        (PUBLISHED / name).unlink()
    for name, data in now.items():
        (PUBLISHED / name).write_bytes(data)
    print(f"{len(now)} documents in {PUBLISHED.relative_to(ROOT)}, {len(found)} changes")
    return 0


def _lines(document: bytes) -> bytes:
    """Spread over lines, so that a change shows as one in version control."""
    return (json.dumps(json.loads(document), indent=1, ensure_ascii=False) + "\n").encode()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--breaking", action="store_true", help="what breaks clients is meant")
    sys.exit(publish(parser.parse_args().breaking))
