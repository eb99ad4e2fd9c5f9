"""Answers from a server that speaks OpenAI's chat completions, wherever it is.

Its operator names the address, so it may be one that callers could not name. An answer is read as
it is written and cut into clauses here; how long it may be silent, and how much it may say, is
bounded.

Source: OpenAI (2025), API reference, "Create chat completion", streamed; llama.cpp, vLLM, Ollama
and others serve the same.
"""

import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from typing import Any

import httpx

from lab_kit.core.errors import ConnectionFailed, LabError
from lab_kit.core.replies import FunctionCall, ReplyOptions, Said
from lab_kit.gateway.door.door import Spoken
from lab_kit.gateway.talk.language import Part, Stopped, Written
from lab_kit.voice.clauses import Clauses

CONNECT_S, SILENT_S = 5.0, 15.0
"""A caller who hears nothing for longer has hung up."""
MOST_LINES, MOST_LINE_BYTES = 20_000, 65_536
"""Of an answer: a token a line."""
MOST_TOKENS = 400
_DATA, _DONE = "data:", "[DONE]"


class EndpointLanguage:
    """One address, for all conversations.

    Args:
        url: that ``/chat/completions`` is added to, such as ``http://127.0.0.1:8080/v1``.
        model: what is asked for there.
        key: for a bearer's header; None for none.
    """

    def __init__(self, url: str, model: str, key: str | None = None) -> None:
        self.name = model
        headers = {} if key is None else {"authorization": f"Bearer {key}"}
        timeout = httpx.Timeout(SILENT_S, connect=CONNECT_S)
        self._url = f"{url.rstrip('/')}/chat/completions"
        self._http = httpx.AsyncClient(headers=headers, timeout=timeout, trust_env=False)

    def author(self, caller: str) -> "EndpointAuthor":
        """See `Language`; all callers are alike there."""
        return EndpointAuthor(self._http, self._url, self.name)

    def stop(self) -> None:
        """See `Language`; connections end with their conversations."""


class EndpointAuthor:
    """Writes the answers of one conversation; it keeps nothing between them."""

    def __init__(self, http: httpx.AsyncClient, url: str, model: str) -> None:
        self._http = http
        self._url = url
        self._model = model

    async def begin(self, said: Sequence[Said]) -> None:
        """See `Author`; whether anybody is there shows when something is asked."""

    async def read(self, said: Sequence[Said]) -> None:
        """See `Author`; nobody can be told in advance."""

    def close(self) -> None:
        """See `Author`."""

    async def answer(
        self, call: Spoken, said: Sequence[Said], options: ReplyOptions
    ) -> AsyncGenerator[Part, None]:
        """See `Author`.

        Raises:
            ConnectionFailed: nobody answers there, or not so.
        """
        reading = _Reading()
        body = _body(self._model, said, options)
        try:
            async with self._http.stream("POST", self._url, json=body) as response:
                if response.status_code != httpx.codes.OK:
                    raise _failed(f"status {response.status_code}")
                async for delta in _deltas(response):
                    for written in reading.take(delta):
                        yield written
        except (httpx.HTTPError, ValueError, KeyError, TypeError, IndexError) as error:
            raise _failed(f"{type(error).__name__}: {error}") from error
        for part in reading.finish():
            yield part


class _Reading:
    """One answer as it comes."""

    def __init__(self) -> None:
        self._clauses = Clauses()
        self._calls: dict[int, dict[str, str]] = {}
        self._count, self._first_ns = 0, 0
        self._usage: dict[str, Any] = {}
        self._is_cut = False

    def take(self, chunk: dict[str, Any]) -> list[Written]:
        """What a chunk makes whole."""
        self._usage = chunk.get("usage") or self._usage
        written = []
        for choice in chunk.get("choices") or ():
            self._is_cut = self._is_cut or choice.get("finish_reason") == "length"
            delta = choice.get("delta") or {}
            for call in delta.get("tool_calls") or ():
                self._called(call)
            if text := delta.get("content"):
                self._first_ns = self._first_ns or time.perf_counter_ns()
                self._count += 1
                if (piece := self._clauses.push(text)) is not None:
                    written.append(self._written(piece))
        return written

    def finish(self) -> list[Part]:
        """What is left."""
        parts: list[Part] = []
        if (piece := self._clauses.finish()) is not None:
            parts.append(self._written(piece))
        for call in self._calls.values():
            parts.append(FunctionCall(call["id"], call["name"], call["arguments"]))
        prompt_tokens = self._usage.get("prompt_tokens", 0)
        return [*parts, Stopped(prompt_tokens, self._is_cut)]

    def _called(self, call: dict[str, Any]) -> None:
        known = self._calls.setdefault(call["index"], {"id": "", "name": "", "arguments": ""})
        function = call.get("function") or {}
        known["id"] += call.get("id") or ""
        known["name"] += function.get("name") or ""
        known["arguments"] += function.get("arguments") or ""

    def _written(self, piece: str) -> Written:
        now_ns = time.perf_counter_ns()
        first_ns, count = self._first_ns or now_ns, self._count
        self._first_ns = self._count = 0
        return Written(piece, count, first_ns, now_ns)


async def _deltas(response: httpx.Response) -> AsyncIterator[dict[str, Any]]:
    """The chunks of an event stream."""
    count = 0
    async for line in response.aiter_lines():
        count += 1
        if count > MOST_LINES or len(line) > MOST_LINE_BYTES:
            raise ValueError(f"more than {MOST_LINES:,} lines, or a longer one than anybody says")
        if not line.startswith(_DATA):
            continue
        data = line.removeprefix(_DATA).strip()
        if data == _DONE:
            return
        chunk = json.loads(data)
        if not isinstance(chunk, dict):
            raise TypeError(f"a chunk that is no object: {data[:80]}")
        yield chunk


def _body(model: str, said: Sequence[Said], options: ReplyOptions) -> dict[str, Any]:
    body: dict[str, Any] = {
        "model": model,
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": options.most_tokens or MOST_TOKENS,
        "messages": [_message(one) for one in said],
    }
    if options.functions:
        body["tools"] = [
            {
                "type": "function",
                "function": {
                    "name": one.name,
                    "description": one.description,
                    "parameters": one.parameters,
                },
            }
            for one in options.functions
        ]
        named = options.choice in ("auto", "none", "required")
        chosen = {"type": "function", "function": {"name": options.choice}}
        body["tool_choice"] = options.choice if named else chosen
    return body


def _message(said: Said) -> dict[str, Any]:
    message: dict[str, Any] = {"role": said.role.value, "content": said.text}
    if said.call is not None:
        function = {"name": said.call.name, "arguments": said.call.arguments}
        message["tool_calls"] = [{"id": said.call.id, "type": "function", "function": function}]
    if said.answers:
        message["tool_call_id"] = said.answers
    return message


def _failed(why: str) -> LabError:
    return ConnectionFailed(
        f"no answer from the language model ({why})",
        "a server of OpenAI's chat completions",
        "see whether the address in --replies answers",
    )
