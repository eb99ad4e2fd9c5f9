"""Requests to addresses that callers gave: never to what only the server can reach.

Whoever may name an address could have the server ask its own network for things: a cloud's
metadata, a database, another service on this machine. So an address is looked up when it is used,
everything that it stands for must be public, and the connection goes to what was looked up, not to
what the name may stand for a moment later. Redirects are not followed. Hosts that the server's
operator names are excepted.

Source: OWASP, 2024, "Server-Side Request Forgery Prevention Cheat Sheet".
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

import httpx

from lab_kit.core.errors import AddressRefused, ConnectionFailed, InvalidParameter

LOOK_UP_S = 5.0
CONNECT_S, ANSWER_S = 5.0, 10.0
"""Standard Webhooks asks receivers to answer within 15 s."""
WHOLE_S = CONNECT_S + ANSWER_S
"""An answer's head may come byte by byte, each in time; so all of it has a limit, too."""
HIGHEST_PORT = 65_535
LONGEST_URL = 2_000
_NAT64 = IPv6Network("64:ff9b::/96")
"""Its last four bytes are an address of IPv4 [Source: RFC 6052, 2010]."""


@dataclass(frozen=True, slots=True)
class Target:
    """An address that may be asked.

    Attributes:
        url: with the host as a number.
        host: as it was named, with its port, for the receiver.
        server_name: the same without the port, for its certificate.
    """

    url: httpx.URL
    host: str
    server_name: str


def parsed(url: str) -> httpx.URL:
    """An address as a caller gives it.

    Raises:
        InvalidParameter: it is none that could be asked.
    """
    try:
        found = httpx.URL(url)
        host, port = found.host, found.port  # read now: a host may be no name that there can be
    except (httpx.InvalidURL, UnicodeError) as error:
        raise _no_address(url) from error
    is_web = found.scheme in ("http", "https") and host and b"%" not in found.raw_host
    if port is not None and not 0 < port <= HIGHEST_PORT:
        raise _no_address(url)
    if not is_web or found.userinfo or found.fragment or len(url) > LONGEST_URL:
        raise _no_address(url)
    return found


def is_public(number: str) -> bool:
    """Whether an IP address is one that anybody could ask, also by what it may be translated to."""
    address = ip_address(number)
    if isinstance(address, IPv6Address):
        inner = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
        if address in _NAT64:
            inner.append(IPv4Address(int(address) & 0xFFFF_FFFF))
        if not all(is_public(str(one)) for one in inner if one is not None):
            return False
    return address.is_global and not address.is_multicast


def _no_address(url: str) -> InvalidParameter:
    return InvalidParameter(
        f"the address {url[:200]!r}",
        f"https://HOST/PATH without user or fragment, at most {LONGEST_URL} characters",
        "send such an address",
    )


class Outbound:
    """Makes such requests.

    Args:
        allowed: hosts, or hosts with a port, that may be asked whatever they are, over HTTP too.
    """

    def __init__(self, allowed: Collection[str] = ()) -> None:
        self._allowed = frozenset(allowed)

    async def target(self, url: str) -> Target:
        """Look an address up.

        Raises:
            InvalidParameter: it is none.
            AddressRefused: it is not public, or not encrypted.
            ConnectionFailed: there is no such host.
        """
        asked = parsed(url)
        port = asked.port or (443 if asked.scheme == "https" else 80)
        is_excepted = bool({asked.host, f"{asked.host}:{port}"} & self._allowed)
        if asked.scheme != "https" and not is_excepted:
            raise AddressRefused(f"{asked.scheme}://{asked.host}", "https", "use https")
        numbers = await _looked_up(asked.raw_host.decode("ascii"), port)
        if not is_excepted:
            for number in numbers:
                if not is_public(number):
                    raise AddressRefused(
                        f"{asked.host}, which is {number}",
                        "a public address",
                        "use a public one; the server's operator may except a host by name",
                    )
        named = asked.raw_host.decode("ascii")
        return Target(asked.copy_with(host=numbers[0]), asked.netloc.decode("ascii"), named)

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> httpx.Response:
        """Send a body; the answer's own is not read.

        Raises:
            InvalidParameter, AddressRefused, ConnectionFailed: see `target`, or nobody answered.
        """
        target = await self.target(url)
        try:
            async with asyncio.timeout(WHOLE_S), _client() as client:
                request = _request(client, "POST", target, headers, body)
                answer = await client.send(request, stream=True)
                await answer.aclose()
        except (httpx.HTTPError, TimeoutError) as error:
            raise _unreachable(target.host, error) from error
        return answer

    @asynccontextmanager
    async def get(self, url: str) -> AsyncIterator[httpx.Response]:
        """Ask for what is there; the answer's body is read by whoever asks, piece by piece.

        Raises:
            InvalidParameter, AddressRefused, ConnectionFailed: see `post`.
        """
        target = await self.target(url)
        try:
            async with _client() as client:
                answer = await client.send(_request(client, "GET", target), stream=True)
                try:
                    yield answer
                finally:
                    await answer.aclose()
        except httpx.HTTPError as error:
            raise _unreachable(target.host, error) from error


def _request(
    client: httpx.AsyncClient,
    method: str,
    target: Target,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
) -> httpx.Request:
    """To the number, in the name of the host; uncompressed, or a little could become a lot."""
    named = {"accept-encoding": "identity", **(headers or {}), "host": target.host}
    return client.build_request(
        method,
        target.url,
        content=body,
        headers=named,
        extensions={"sni_hostname": target.server_name},
    )


async def _looked_up(host: str, port: int) -> list[str]:
    """The numbers that a host stands for."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(LOOK_UP_S):
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError, TimeoutError) as error:
        raise _unreachable(host, error) from error
    return [str(address[0]) for *_, address in found]


@asynccontextmanager
async def _client() -> AsyncIterator[httpx.AsyncClient]:
    # without the environment's proxies: they would be asked for what is checked here
    timeout = httpx.Timeout(ANSWER_S, connect=CONNECT_S)
    async with httpx.AsyncClient(trust_env=False, timeout=timeout) as client:
        yield client


def _unreachable(host: str, error: Exception) -> ConnectionFailed:
    return ConnectionFailed(
        f"no answer from {host} ({type(error).__name__})",
        "one that listens there",
        "see whether it is up",
    )
