"""The file of a form, however it is cut on its way."""

from collections.abc import AsyncIterator

import httpx
import pytest

from lab_kit.core.errors import InvalidParameter
from lab_kit.gateway.door.form_file import MOST_BESIDE_BYTES, MOST_PARTS, file_of, is_form

FILE = bytes(range(256)) * 40 + b"\r\n--not the boundary"


def form(**parts: object) -> tuple[str, bytes]:
    """As a client writes it."""
    request = httpx.Request("POST", "http://x/", **parts)  # type: ignore[arg-type]
    return request.headers["content-type"], request.read()


async def read(kind: str, body: bytes, size: int = 100) -> bytes:
    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), size):
            yield body[start : start + size]

    return b"".join([piece async for piece in file_of(kind, pieces())])


@pytest.mark.parametrize("size", [1, 7, 1_000, 1_000_000])
async def test_the_file_comes_whole_whatever_is_beside_it(size: int) -> None:
    kind, body = form(data={"model": "any", "x": "y"}, files={"file": ("a.wav", FILE)})
    assert is_form(kind)
    assert await read(kind, body, size) == FILE


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        ({"files": {"other": ("a.wav", FILE)}}, "without a file"),
        ({"files": [("file", ("a.wav", FILE)), ("file", ("b.wav", FILE))]}, "two files"),
        ({"files": [(f"f{n}", ("a", b"")) for n in range(MOST_PARTS + 1)]}, "of more than"),
    ],
)
async def test_a_form_without_its_one_file_is_refused(parts: dict[str, object], says: str) -> None:
    with pytest.raises(InvalidParameter, match=says):
        await read(*form(**parts))


async def test_a_damaged_form_is_refused() -> None:
    kind, body = form(files={"file": ("a.wav", FILE)})
    with pytest.raises(InvalidParameter, match="ends before its last delimiter"):
        await read(kind, body[:-20])
    with pytest.raises(InvalidParameter, match="damaged form"):
        await read(kind, b"something else")
    with pytest.raises(InvalidParameter, match="whose boundary is"):
        await read("multipart/form-data", body)
    with pytest.raises(InvalidParameter, match="damaged form"):
        await read(kind, body.replace(b"Content-Disposition", b"x" * 10_000))


async def test_what_is_beside_the_file_has_a_limit_and_the_file_none_of_it() -> None:
    large = bytes(2 * MOST_BESIDE_BYTES)
    kind, body = form(data={"note": "x" * 1_000}, files={"file": ("a.wav", large)})
    assert await read(kind, body, 10_000) == large
    kind, body = form(data={"note": "x" * MOST_BESIDE_BYTES}, files={"file": ("a.wav", b"")})
    with pytest.raises(InvalidParameter, match="bytes beside its file"):
        await read(kind, body, 10_000)
