"""Health and reflection, asked by the standard services' own clients."""

import asyncio
from collections.abc import Iterator

import grpc
import pytest
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)
from hang import HANG_S

from lab_kit import datasets
from lab_kit.bench import Bench
from lab_kit.gateway.run.grpc_about import MOST_CALLS, MOST_CHECKS, MOST_QUESTIONS

SERVICE = "lab.speech.v1.Speech"


@pytest.fixture
def channel(keyed_bench: Bench) -> Iterator[grpc.Channel]:
    """To a server that asks everybody else for a key."""
    with grpc.insecure_channel(keyed_bench.address.grpc) as channel:
        yield channel


def test_health(channel: grpc.Channel) -> None:
    health = health_pb2_grpc.HealthStub(channel)
    for service in ("", SERVICE, "inference.GRPCInferenceService", "google.cloud.speech.v1.Speech"):
        answer = health.Check(health_pb2.HealthCheckRequest(service=service), timeout=HANG_S)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
    with pytest.raises(grpc.RpcError) as refused:
        health.Check(health_pb2.HealthCheckRequest(service="dance"), timeout=HANG_S)
    assert refused.value.code() is grpc.StatusCode.NOT_FOUND


async def test_calls_that_ask_nothing_are_refused_and_keep_nobody_out(keyed_bench: Bench) -> None:
    async with grpc.aio.insecure_channel(keyed_bench.address.grpc) as channel:
        check = channel.stream_unary("/grpc.health.v1.Health/Check")
        silent = [check() for _ in range(3 * MOST_CHECKS)]
        async with asyncio.timeout(HANG_S):
            codes = await asyncio.gather(*(call.code() for call in silent))
            answer = await health_pb2_grpc.HealthStub(channel).Check(
                health_pb2.HealthCheckRequest()
            )
    assert set(codes) <= {
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.ABORTED,
    }
    assert grpc.StatusCode.RESOURCE_EXHAUSTED in codes
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_a_stream_is_held_by_who_knows_nothing_but_the_address(keyed_bench: Bench) -> None:
    """The schema comes from the server; the classes are made of it."""
    with grpc.insecure_channel(keyed_bench.address.grpc) as channel:
        database = ProtoReflectionDescriptorDatabase(channel)
        assert SERVICE in database.get_services()
        pool = DescriptorPool(database)
        method = pool.FindServiceByName(SERVICE).FindMethodByName("Stream")
        Said = GetMessageClass(method.input_type)
        Told = GetMessageClass(method.output_type)
        pcm = datasets.clip("two-cities-best").pcm16
        messages = [Said(begin={"punctuate": True})]
        messages += [Said(audio=pcm[at : at + 3_200]) for at in range(0, len(pcm), 3_200)]
        call = channel.stream_stream(f"/{SERVICE}/Stream", Said.SerializeToString, Told.FromString)(
            iter(messages),  # and then it half-closes
            metadata=(("authorization", f"Bearer {keyed_bench.key}"),),
            timeout=HANG_S,
        )
        told = list(call)
    kinds = [message.WhichOneof("message") for message in told]
    assert kinds[0] == "session_begun"
    assert kinds[-1] == "session_ended"
    said = " ".join(m.final.text for m in told if m.WhichOneof("message") == "final")
    assert said.lower().startswith("it was the best of times")


@pytest.mark.parametrize("service", ["google.cloud.speech.v2.Speech", SERVICE])
def test_files_are_told_by_symbol_and_by_name(channel: grpc.Channel, service: str) -> None:
    database = ProtoReflectionDescriptorDatabase(channel)
    file = database.FindFileContainingSymbol(service)
    assert database.FindFileByName(file.name) == file
    assert [s.name for s in file.service] == [service.rpartition(".")[2]]


async def test_few_may_ask_at_a_time_and_not_for_ever(bench: Bench) -> None:
    question = reflection_pb2.ServerReflectionRequest(list_services="")
    async with asyncio.timeout(HANG_S), grpc.aio.insecure_channel(bench.address.grpc) as channel:
        stub = reflection_pb2_grpc.ServerReflectionStub(channel)
        asking = [stub.ServerReflectionInfo() for _ in range(MOST_CALLS)]
        for call in asking:
            await call.write(question)
            await call.read()
        more = stub.ServerReflectionInfo()
        assert await more.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        for call in asking:
            await call.done_writing()
            assert await call.code() is grpc.StatusCode.OK
        endless = stub.ServerReflectionInfo(question for _ in range(MOST_QUESTIONS + 5))
        assert len([answer async for answer in endless]) == MOST_QUESTIONS


async def test_nonsense_is_its_callers_error(bench: Bench) -> None:
    async with asyncio.timeout(HANG_S), grpc.aio.insecure_channel(bench.address.grpc) as channel:
        method = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
        call = channel.stream_stream(method)(iter([b"\xff" * 100]))
        assert await call.code() is grpc.StatusCode.INVALID_ARGUMENT
