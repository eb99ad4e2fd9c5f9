"""Says whether an audit log is the one that was signed: the check, apart from what is checked.

One file, which needs Python and the package ``cryptography`` and nothing else of the lab: whoever
does not trust the server takes a copy, and runs it where the server cannot reach. It reads the
formats from their descriptions, and shares no code with what writes them.

    python auditor.py FOLDER --key VERIFIER_KEY [--against SAVED_CHECKPOINT]

What only the folder says can be checked by the folder alone: that each record follows the one
before it, and that the signed roots are those of the records. Whoever has the signing key can write
another history and sign it; and whoever can write the folder can take off its end, records and
checkpoints together. Against both helps only a checkpoint that was saved where they cannot write.

Source: RFC 9162, 2.1 (trees and proofs); C2SP, signed-note and tlog-checkpoint, 2024; RFC 8785.
"""

import argparse
import json
import sys
from base64 import b64decode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

LOG_FILE, CHECKPOINTS_FILE = "log.jsonl", "checkpoints"
LONGEST_LINE_BYTES = 65_536
MOST_FOUND = 20
"""Things that are wrong; behind the first one more would say little."""
_FIELDS = {
    *("number", "time", "action", "tenant", "key_id", "request_id", "stream_id", "about"),
    "previous",
}
_CHECKPOINT_LINES = 5
_HASH_BYTES = 32


class Unreadable(Exception):
    """A key or a checkpoint is not in its format."""


@dataclass(frozen=True)
class Checkpoint:
    """What was signed: the log of that origin had so many records, and this root."""

    origin: str
    size: int
    root: bytes


@dataclass(frozen=True)
class Wrong:
    """Something that should not be.

    Attributes:
        records: the first bad one is among these, counted from 0; None where it is about none.
    """

    what: str
    records: range | None = None

    def __str__(self) -> str:
        return self.what if self.records is None else f"{_told(self.records)}: {self.what}"


@dataclass
class Report:
    """What was looked at, and what is wrong."""

    checked: list[str] = field(default_factory=list)
    wrong: list[Wrong] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """Whether nothing is wrong."""
        return not self.wrong

    @property
    def first_bad(self) -> range | None:
        """Among which records the first bad one is, as narrow as can be said; None for none."""
        ranges = [one.records for one in self.wrong if one.records is not None]
        return min(ranges, key=lambda one: (len(one), one.start), default=None)

    def say(self, what: str, records: range | None = None) -> None:
        """Note something wrong; behind `MOST_FOUND` no more of it."""
        if len(self.wrong) < MOST_FOUND:
            self.wrong.append(Wrong(what, records))


def _told(records: range) -> str:
    last = records.stop - 1
    return f"record {last}" if len(records) == 1 else f"records {records.start} to {last}"


# -- notes and checkpoints ---------------------------------------------------------------------


@dataclass(frozen=True)
class VerifierKey:
    """A name and an Ed25519 key, as ``name+id+key``.

    Raises:
        Unreadable: it is none.
    """

    text: str

    def __post_init__(self) -> None:
        parts = self.text.split("+", 2)
        try:
            key = b64decode(parts[2], validate=True)
            told = bytes.fromhex(parts[1])
        except (IndexError, ValueError) as error:
            raise Unreadable(f"{self.text[:200]!r} is no verifier key: name+id+key") from error
        if len(key) != 33 or key[0] != 1:
            raise Unreadable(f"{self.name}'s key is not of Ed25519")
        if told != sha256(self.name.encode() + b"\n" + key).digest()[:4]:
            raise Unreadable(f"{self.name}'s key does not have the id that stands before it")

    @property
    def name(self) -> str:
        """Whose it is: the log's origin."""
        return self.text.split("+", 2)[0]

    def opened(self, note: str) -> str:
        """The text of a note that this key signed.

        Raises:
            Unreadable: it is no note, or this key's signature is missing or wrong.
        """
        text, blank, signatures = note.rpartition("\n\n")
        if not blank:
            raise Unreadable("no signed note: it has no empty line")
        text, is_signed = text + "\n", False
        key = b64decode(self.text.split("+", 2)[2])
        for line in signatures.splitlines():
            dash, name, told = [*line.split(" "), "", ""][:3]
            try:
                blob = b64decode(told, validate=True)
            except ValueError as error:
                raise Unreadable("a line behind the text that is no signature") from error
            if dash != "\u2014" or not name or len(blob) < 5:
                raise Unreadable("a line behind the text that is no signature")
            if name != self.name or blob[:4] != bytes.fromhex(self.text.split("+", 2)[1]):
                continue  # another's: a witness, say
            try:
                Ed25519PublicKey.from_public_bytes(key[1:]).verify(blob[4:], text.encode())
            except InvalidSignature as error:
                raise Unreadable(f"the signature of {self.name} is wrong") from error
            is_signed = True
        if not is_signed:
            raise Unreadable(f"no signature of the key {self.name}")
        return text


def checkpoint_of(note: str, key: VerifierKey) -> Checkpoint:
    """A signed checkpoint, read.

    Raises:
        Unreadable: it is none, or not signed by that key, or of another log.
    """
    origin, size, root, *_ = [*key.opened(note).split("\n"), "", "", ""]
    if origin != key.name:
        raise Unreadable(f"a checkpoint of {origin[:200]!r}, signed by {key.name}")
    is_plain = size.isascii() and size.isdecimal() and (size == "0" or size[0] != "0")
    try:
        told = b64decode(root, validate=True)
    except ValueError:
        told = b""
    if not is_plain or len(told) != _HASH_BYTES:
        raise Unreadable("no checkpoint: origin, size and root, a line each")
    return Checkpoint(origin, int(size), told)


# -- the tree ----------------------------------------------------------------------------------


def leaf_of(record: bytes) -> bytes:
    """The hash of a record's line, without its break."""
    return sha256(b"\x00" + record).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def is_included(index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether a proof shows that the tree with that root has that leaf [Source: RFC 9162,
    2.1.3.2]."""
    if not 0 <= index < size:
        return False
    fn, sn, r = index, size - 1, leaf
    for p in proof:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            r = _node(p, r)
            while not fn & 1 and fn != 0:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = _node(r, p)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and r == root


def is_grown(
    old_size: int, size: int, old_root: bytes, root: bytes, proof: Sequence[bytes]
) -> bool:
    """Whether a proof shows that one tree begins with all of another [Source: RFC 9162,
    2.1.4.2]."""
    if not 0 < old_size <= size:
        return False
    if old_size == size:
        return not proof and old_root == root
    path = list(proof)
    if old_size & (old_size - 1) == 0:  # a power of two: the old root is the first of the path
        path.insert(0, old_root)
    if not path:
        return False
    fn, sn = old_size - 1, size - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = path[0]
    for c in path[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = _node(c, fr), _node(c, sr)
            while not fn & 1 and fn != 0:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = _node(sr, c)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and fr == old_root and sr == root


class _Tree:
    """The roots of complete subtrees, with their heights; those of one height are joined."""

    def __init__(self) -> None:
        self.size = 0
        self._stack: list[tuple[int, bytes]] = []

    def add(self, leaf: bytes) -> None:
        height, at = 0, leaf
        while self._stack and self._stack[-1][0] == height:
            at = _node(self._stack.pop()[1], at)
            height += 1
        self._stack.append((height, at))
        self.size += 1

    def root(self) -> bytes:
        if not self._stack:
            return sha256(b"").digest()
        at = self._stack[-1][1]
        for _, left in self._stack[-2::-1]:
            at = _node(left, at)
        return at


# -- the chain ---------------------------------------------------------------------------------


class _Chain:
    """Looks for the first record that does not belong where it stands.

    Where a record does not hold the hash of the one before it, either may have been changed. The
    next one tells: it still holds the hash of the one that was not.
    """

    def __init__(self) -> None:
        self.count = 0
        self.killed = 0
        self._hashes: tuple[str | None, str | None] = (None, None)
        self._is_open = self._is_pending = False
        self.wrong: Wrong | None = None

    def see(self, record: bytes, leaf: bytes) -> None:
        """The next record, and its hash."""
        if self.wrong is None:
            try:
                self._look(_parsed(record))
            except ValueError as error:
                self._say(str(error), self.count)
        self._hashes = self._hashes[1], leaf.hex()
        self.count += 1

    def end(self) -> None:
        """There are no more."""
        if self._is_pending and self.wrong is None:
            self._say("it was changed, or else the one behind it", self.count - 2)

    def _look(self, told: dict[str, object]) -> None:
        number, (before_last, last) = self.count, self._hashes
        follows, is_numbered = told["previous"] == last, told["number"] == number
        if self._is_pending:
            if follows:
                self._say(f"it is not the one that record {number - 1} followed", number - 2)
            else:
                self._say("it was changed", number - 1)
        elif is_numbered and not follows:
            self._is_pending = number > 0
            if number == 0:
                self._say("it follows another one: the beginning is missing", 0)
        elif not is_numbered and told["number"] == number - 1 and told["previous"] == before_last:
            self._say("it was put in", number - 1)
        elif not is_numbered:
            self._say(f"number {told['number']!r} stands here: some are missing or moved", number)
        if told["action"] == "log.opened":
            self.killed += self._is_open
        if told["action"] in ("log.opened", "log.closed"):
            self._is_open = told["action"] == "log.opened"

    def _say(self, what: str, number: int) -> None:
        self.wrong = Wrong(what, range(number, number + 1))


def _parsed(record: bytes) -> dict[str, object]:
    """A record that is written as records are.

    Raises:
        ValueError: it is not.
    """
    try:
        told = json.loads(record, parse_float=_refuse, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise ValueError("it is not JSON, or holds a fraction") from error
    if not isinstance(told, dict) or told.keys() != _FIELDS:
        raise ValueError("it does not have the fields of a record")
    plain = json.dumps(told, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    if plain.encode(errors="surrogatepass") != record:
        raise ValueError("it is not written in the one form that records have")
    return told


def _refuse(text: str) -> None:
    raise ValueError(text)


# -- a folder ----------------------------------------------------------------------------------


def verify(folder: Path, key: str, against: str | None = None) -> Report:
    """Look at everything in a folder.

    Args:
        key: the verifier key.
        against: a signed checkpoint that was saved elsewhere.

    Raises:
        Unreadable: the key, or the saved checkpoint, is none.
        OSError: the folder has no log.
    """
    report, verifier = Report(), VerifierKey(key)
    saved = None if against is None else checkpoint_of(against, verifier)
    signed = _signed(folder / CHECKPOINTS_FILE, verifier, report)
    known = [*signed, *([] if saved is None else [saved])]
    size = _read_log(folder / LOG_FILE, known, report)
    newest = max((one.size for one in signed), default=0)
    if newest > size:
        what = f"a checkpoint of {newest} records is signed, and there are {size}"
        report.say(what, range(size, size + 1))
    elif signed:
        rest = f", and {size - newest} behind it that are not signed yet" if size > newest else ""
        report.checked.append(f"{len(signed)} checkpoints, the newest of {newest} records{rest}")
    if saved is not None:
        _compare(saved, signed, size, report)
    return report


def _signed(path: Path, key: VerifierKey, report: Report) -> list[Checkpoint]:
    """The checkpoints that are in order."""
    found: list[Checkpoint] = []
    by_size: dict[int, bytes] = {}
    for number, note in enumerate(_notes(path)):
        try:
            one = checkpoint_of(note, key)
        except Unreadable as error:
            report.say(f"checkpoint {number}: {error}")
            continue
        found.append(one)
        if by_size.setdefault(one.size, one.root) != one.root:
            report.say(f"two histories are signed, both of {one.size} records: the log was forked")
    if not found:
        report.say("no checkpoint of this key: nothing says that these are the signed records")
    return found


def _notes(path: Path) -> Iterator[str]:
    """The whole ones; what is behind the last of them was being written at a crash."""
    lines: list[str] = []
    for line in _lines(path) if path.is_file() else ():
        if not line.endswith(b"\n"):
            return
        lines.append(line.decode(errors="replace"))
        if len(lines) == _CHECKPOINT_LINES:
            yield "".join(lines)
            lines.clear()


def _read_log(path: Path, known: Sequence[Checkpoint], report: Report) -> int:
    """Check the chain, and the roots where they are known; returns how many records there are."""
    roots: dict[int, set[bytes]] = {}
    for one in known:
        roots.setdefault(one.size, set()).add(one.root)
    tree, chain, agreed, is_agreed = _Tree(), _Chain(), 0, True
    for line in _lines(path):
        if not line.endswith(b"\n"):
            report.checked.append("a torn line at the end: what was being written at a crash")
            break
        leaf = leaf_of(line[:-1])
        chain.see(line[:-1], leaf)
        tree.add(leaf)
        if is_agreed and tree.size in roots:
            if is_agreed := roots[tree.size] == {tree.root()}:
                agreed = tree.size
            else:
                report.say("not what was signed", range(agreed, tree.size))
    chain.end()
    if chain.wrong is not None:
        report.wrong.insert(0, chain.wrong)
    else:
        report.checked.append(f"{tree.size} records, each with the hash of the one before it")
    if chain.killed:
        report.checked.append(
            f"{chain.killed} times a server was killed: what it had not written is not here"
        )
    return tree.size


def _compare(saved: Checkpoint, signed: Sequence[Checkpoint], size: int, report: Report) -> None:
    """What only a checkpoint can tell that was saved elsewhere."""
    if size < saved.size:
        what = f"the saved checkpoint is of {saved.size} records, and there are {size}"
        report.say(what, range(size, size + 1))
    elif any(one.size == saved.size and one.root != saved.root for one in signed):
        report.say(
            f"the saved checkpoint and the log's are signed, both of {saved.size} records, and have"
            " two roots: the log was forked, or written anew by who has its key"
        )
    else:
        report.checked.append(f"against the saved checkpoint of {saved.size} records")


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while line := file.readline(LONGEST_LINE_BYTES):
            yield line


def main(arguments: Sequence[str] | None = None) -> int:
    """Check a folder; 0 where nothing is wrong."""
    parser = argparse.ArgumentParser(description="Say whether an audit log is the signed one.")
    parser.add_argument("folder", type=Path, help=f"with {LOG_FILE} and {CHECKPOINTS_FILE}")
    parser.add_argument("--key", required=True, help="the log's verifier key")
    parser.add_argument(
        "--against", type=Path, metavar="FILE", help="a checkpoint that was saved elsewhere"
    )
    return run(parser.parse_args(arguments))


def run(options: argparse.Namespace) -> int:
    """Check, and print what was checked and what is wrong."""
    try:
        against = None if options.against is None else options.against.read_text("utf-8")
        report = verify(options.folder, options.key, against)
    except (Unreadable, OSError, UnicodeDecodeError) as error:
        print(f"not checked: {error}", file=sys.stderr)
        return 1
    for one in report.checked:
        print(f"checked  {one}")
    for wrong in report.wrong:
        print(f"WRONG    {wrong}")
    if report.first_bad is not None:
        print(f"the first bad record: {_told(report.first_bad)}")
    print("the log is as it was signed" if report.is_good else "the log was changed")
    return 0 if report.is_good else 1


if __name__ == "__main__":
    sys.exit(main())
