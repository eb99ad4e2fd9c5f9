"""The protocol's messages, written and read by the unmodified tritonclient wherever it can."""

import json
import warnings
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc as triton_grpc
import tritonclient.http as triton_http
from tritonclient.grpc import service_pb2 as pb
from tritonclient.utils import np_to_triton_dtype

from lab_kit.core.errors import (
    InvalidAudioFormat,
    InvalidParameter,
    PayloadTooLarge,
    UnsupportedSampleRate,
)
from lab_kit.dialects.open_inference import client, options, protobuf, server
from lab_kit.dialects.open_inference.json_form import HEADER_LENGTH, MAX_JSON_BYTES, MOST_QUOTES
from lab_kit.dialects.open_inference.messages import InferRequest, InferResponse
from lab_kit.dialects.open_inference.tensors import (
    BLOCK,
    DATATYPES,
    MAX_SIZE,
    MAX_STRINGS,
    Tensor,
    from_list,
    from_raw,
    texts,
    to_list,
    to_raw,
)

NUMBERS = [name for name in DATATYPES if name not in ("BYTES", "BF16")]
TONE = np.sin(np.arange(1_600) / 10).astype(np.float32)
SAID = InferResponse("moonshine-tiny-en", "1", (server.transcript("it was the best"),))


def triton_request(
    values: np.ndarray, *, binary: bool = True, **options: Any
) -> tuple[bytes, str | None]:
    """What tritonclient puts on the wire for one input ``X``."""
    tensor = triton_http.InferInput("X", values.shape, np_to_triton_dtype(values.dtype))
    tensor.set_data_from_numpy(values, binary_data=binary)
    body, length = triton_http.InferenceServerClient.generate_request_body([tensor], **options)
    return body, None if length is None else str(length)


def read_by_triton(request: InferRequest, response: InferResponse) -> triton_http.InferResult:
    body = server.encode_response(request, response)
    return triton_http.InferenceServerClient.parse_response_body(
        body.content, header_length=body.json_bytes
    )


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("datatype", [name for name in NUMBERS if name != "FP16"])
def test_every_number_arrives_as_the_client_sent_it(datatype: str, binary: bool) -> None:
    values = np.array([[0, 1], [1, 1], [0, 0]], DATATYPES[datatype])
    request = server.parse_request(*triton_request(values, binary=binary))
    (tensor,) = request.inputs
    assert (tensor.name, tensor.datatype, tensor.shape) == ("X", datatype, (3, 2))
    np.testing.assert_array_equal(tensor.values, values)
    assert tensor.values.dtype == values.dtype


def test_half_precision_arrives_raw() -> None:
    values = np.array([0.5, -2.0], np.float16)
    (tensor,) = server.parse_request(*triton_request(values)).inputs
    np.testing.assert_array_equal(tensor.values, values)


@pytest.mark.parametrize("binary", [True, False])
def test_texts_arrive_as_the_client_sent_them(binary: bool) -> None:
    values = np.array(["so", "", "naïve"], object)
    (tensor,) = server.parse_request(*triton_request(values, binary=binary)).inputs
    assert tensor.values.tolist() == [b"so", b"", "naïve".encode()]


@pytest.mark.parametrize("datatype", [*NUMBERS, "BF16"])
def test_raw_and_list_forms_return_what_went_in(datatype: str) -> None:
    tensor = Tensor("X", datatype, np.array([[0, 1], [1, 0]], DATATYPES[datatype]))
    for back in (
        from_raw("X", datatype, (2, 2), to_raw(tensor)),
        from_list("X", datatype, (2, 2), to_list(tensor)),
    ):
        np.testing.assert_array_equal(back.values, tensor.values)


def test_bf16_is_the_upper_half_of_a_float() -> None:
    assert from_raw("X", "BF16", (2,), bytes.fromhex("803f00c0")).values.tolist() == [1.0, -2.0]


@pytest.mark.parametrize(
    ("datatype", "shape", "data", "told"),
    [
        ("FP32", (3,), b"\0" * 8, "FP32 [3] needs 12"),
        ("FP8", (1,), b"\0", "'FP8'"),
        ("FP32", (-1,), b"\0\0\0\0", "from 0 to"),
        ("BYTES", (1,), b"\xff\0\0\0ab", "1 elements"),
        ("BYTES", (2,), b"\1\0\0\0a", "2 elements"),
        ("BYTES", (1,), b"\1\0", "1 elements"),
        ("BYTES", (0,), b"\1\0\0\0a", "0 elements"),
    ],
)
def test_raw_data_that_does_not_fit_is_refused_by_name(
    datatype: str, shape: tuple[int, ...], data: bytes, told: str
) -> None:
    with pytest.raises(InvalidParameter) as refused:
        from_raw("AUDIO", datatype, shape, data)
    assert "'AUDIO'" in str(refused.value)
    assert told in str(refused.value)


@pytest.mark.parametrize(
    ("datatype", "data"),
    [
        ("INT32", [1.5]),
        ("UINT8", [300]),
        ("UINT8", [-1]),
        ("FP32", ["1"]),
        ("FP32", [None]),
        ("BOOL", [1]),
        ("BYTES", [1]),
        ("FP32", [[1.0], [1.0, 2.0]]),
        ("FP32", [1.0, [2.0]]),
        ("FP32", [[1.0], [[2.0]]]),
        ("FP32", [[], [1.0]]),
        ("FP32", [1.0, 2.0]),
        ("INT64", [2**70]),
    ],
)
def test_values_that_the_datatype_cannot_hold_are_refused(datatype: str, data: list[Any]) -> None:
    with pytest.raises(InvalidParameter, match="'X'"):
        from_list("X", datatype, (1,), data)


def test_nested_data_is_flattened() -> None:
    assert from_list("X", "INT8", (2, 2), [[1, 2], [3, 4]]).values.tolist() == [[1, 2], [3, 4]]
    assert from_list("X", "BYTES", (2, 1), [["a"], ["b"]]).values.tolist() == [[b"a"], [b"b"]]


def test_data_of_any_length_keeps_its_values() -> None:
    ints = list(range(2 * BLOCK + 5))
    assert from_list("X", "INT32", (len(ints),), ints).values.tolist() == ints
    mixed = [*ints, 0.5, True]
    assert from_list("X", "FP64", (len(mixed),), mixed).values.tolist() == mixed
    assert from_list("X", "FP32", (0,), []).values.tolist() == []
    with pytest.raises(InvalidParameter, match="INT32"):
        from_list("X", "INT32", (len(mixed),), mixed)


def test_a_tensor_of_nothing_may_not_have_other_sizes_that_numpy_cannot_hold() -> None:
    assert from_raw("X", "FP32", (0, 3), b"").shape == (0, 3)
    for datatype in ("FP32", "BYTES"):
        with pytest.raises(InvalidParameter, match="at most"):
            from_raw("X", datatype, (MAX_SIZE, 0, MAX_SIZE), b"")


def test_what_is_too_large_for_its_datatype_is_infinite() -> None:
    with warnings.catch_warnings(action="error"):
        assert from_list("X", "FP32", (1,), [1e300]).values.tolist() == [float("inf")]


def test_typed_contents_of_any_length_keep_their_values() -> None:
    message = pb.ModelInferRequest()
    values = list(range(2 * BLOCK + 5))
    entry = message.inputs.add(name="X", datatype="INT32", shape=[len(values)])
    entry.contents.int_contents.extend(values)
    assert protobuf.parse_request(message).inputs[0].values.tolist() == values


def test_a_stale_length_from_a_reused_dict_is_ignored() -> None:
    body, _ = triton_request(np.zeros(4, np.float32), binary=False)
    for stale in ("7", "100000", "none", "-1", ""):
        assert server.parse_request(body, stale).inputs[0].shape == (4,)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b"\xff\xfe",
        b'{"inputs": 1}',
        b'{"inputs": [1]}',
        b'{"inputs": [{}]}',
        b'{"inputs": [{"name": "X", "datatype": "FP32"}]}',
        b'{"inputs": [{"name": "X", "datatype": "FP32", "shape": ["a"], "data": []}]}',
        b'{"inputs": [{"name": "X", "datatype": "FP32", "shape": [1]}]}',
        b'{"inputs": [{"name": "X", "datatype": "FP32", "shape": [1], "data": {}}]}',
        b'{"inputs": [], "parameters": []  , "outputs": {}}',
        b'{"inputs": [{"name": "X", "datatype": "FP32", "shape": [1],'
        b' "parameters": {"binary_data_size": 4}}]}',
        b"[" * 100_000,
        b'{"inputs": [{"name": "X", "datatype": "FP32", "shape": [%s], "data": [0]}]}'
        % b",".join([b"1"] * 65),
        b'{"inputs": [{"name": "X", "datatype": "FP32", "shape": [0, 1%s], "data": []}]}'
        % (b"0" * 30),
        b'{"inputs": [{"name": "X", "datatype": "FP32", "shape": [0, %d, %d], "data": []}]}'
        % (MAX_SIZE, MAX_SIZE),
        b'{"inputs": [{"name": "X", "datatype": "BYTES", "shape": [1], "data": ["\\ud800"]}]}',
        b'{"inputs": [], "parameters": {"x": [%s""]}}' % (b'"",' * (MOST_QUOTES // 2)),
        b'{"inputs": [], %s: 1}' % b": 1, ".join([b'"x"'] * (MOST_QUOTES // 2)),
    ],
)
def test_a_body_that_is_no_request_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidParameter):
        server.parse_request(body, None)


DEEP = b'{"a": ' * 500 + b"1" + b"}" * 500
TENSOR = b'{"inputs": [{"name": "X", "datatype": "FP32", %s}]}'


@pytest.mark.parametrize(
    "body",
    [
        b'{"inputs": %s}' % DEEP,
        b'{"inputs": [{"name": %s}]}' % DEEP,
        b'{"inputs": [{"name": "%s"}]}' % (b"x" * 100_000),
        TENSOR % (b'"shape": [%s], "data": [1]' % DEEP),
        TENSOR % (b'"shape": [1], "data": [%s]' % DEEP),
        TENSOR % (b'"shape": [1], "data": %s' % DEEP),
        TENSOR % (b'"shape": [1], "parameters": {"binary_data_size": %s}' % DEEP),
        (TENSOR % (b'"shape": [1], "data": [%s]' % DEEP)).replace(b"FP32", b"BYTES"),
        b'{"inputs": [], "parameters": {"priority": %s}}' % DEEP,
        b'{"inputs": [], "parameters": {"draft": "%s"}}' % (b"x" * 100_000),
        b'{"inputs": [], "parameters": {"context": %s}}' % DEEP,
        b'{"inputs": [], "parameters": {"sequence_id": %s}}' % DEEP,
        b'{"inputs": [], "parameters": {"sequence_id": "%s"}}' % (b"x" * 100_000),
    ],
)
def test_what_is_refused_is_told_in_few_words_however_deep_or_long_it_is(body: bytes) -> None:
    def read() -> None:
        request = server.parse_request(body, None)
        for part in (
            options.is_urgent,
            options.read_draft,
            options.read_context,
            options.position_of,
        ):
            part(request)

    with pytest.raises(InvalidParameter) as refused:
        read()
    assert len(str(refused.value)) < 500


def test_texts_in_lists_in_lists_are_read_in_order_however_deep() -> None:
    data: list[Any] = ["b"]
    for _ in range(500):
        data = [data]
    read = from_list("X", "BYTES", [4], ["a", *data, ["c", ["d"]]])
    assert read.values.tolist() == [b"a", b"b", b"c", b"d"]


def test_json_that_would_take_too_much_memory_is_refused() -> None:
    body = json.dumps({"inputs": [], "parameters": {"x": "y" * MAX_JSON_BYTES}}).encode()
    with pytest.raises(PayloadTooLarge, match="raw bytes"):
        server.parse_request(body, None)


def test_a_length_that_no_body_has_is_not_believed() -> None:
    body = json.dumps({"inputs": []}).encode()
    assert server.parse_request(body, "9" * 5_000) == server.parse_request(body, None)


def test_bytes_that_no_tensor_claims_are_refused() -> None:
    body, length = triton_request(np.zeros(4, np.float32))
    with pytest.raises(InvalidParameter, match="3 bytes after"):
        server.parse_request(body + b"abc", length)


def test_the_client_reads_answers_raw_and_as_json() -> None:
    tensors = (server.transcript("so"), Tensor("N", "FP32", np.ones((2, 2), np.float32)))
    response = InferResponse("m", "3", tensors, "a7")
    raw = read_by_triton(InferRequest((), binary=True), response)
    plain = read_by_triton(InferRequest(()), response)
    for result, word in ((raw, b"so"), (plain, "so")):
        assert result.as_numpy("TRANSCRIPT").tolist() == [word]
        np.testing.assert_array_equal(result.as_numpy("N"), np.ones((2, 2)))
        assert result.get_response()["id"] == "a7"
        assert result.get_response()["model_version"] == "3"


def test_only_the_outputs_asked_for_go_back_each_in_its_form() -> None:
    asked = [triton_http.InferRequestedOutput("B", binary_data=False)]
    body, length = triton_request(np.zeros(1, np.float32), outputs=asked)
    request = server.parse_request(body, length)
    response = InferResponse("m", "1", (texts("A", "a"), texts("B", "b")))
    result = read_by_triton(request, response)
    assert result.as_numpy("A") is None
    assert result.get_output("B")["data"] == ["b"]


def test_without_a_list_the_client_gets_everything_raw() -> None:
    request = server.parse_request(*triton_request(np.zeros(1, np.float32)))
    assert request.outputs == {}
    assert request.binary


def test_an_output_that_does_not_exist_is_named() -> None:
    asked = [triton_http.InferRequestedOutput("LYRICS")]
    request = server.parse_request(*triton_request(np.zeros(1, np.float32), outputs=asked))
    with pytest.raises(InvalidParameter, match="LYRICS"):
        server.encode_response(request, SAID)


def test_the_request_says_who_and_how() -> None:
    body, length = triton_request(
        np.zeros(1, np.float32), request_id="a7", priority=1, parameters={"lab": "02"}
    )
    request = server.parse_request(body, length)
    assert request.id == "a7"
    assert request.parameters["lab"] == "02"
    assert options.is_urgent(request)


def test_our_own_client_and_server_understand_each_other() -> None:
    body = client.encode_request(client.speech_request(TONE, 16_000, {"priority": 1}))
    request = server.parse_request(body.content, str(body.json_bytes))
    np.testing.assert_array_equal(options.read_audio(request, 30.0), TONE)
    answer = server.encode_response(request, SAID)
    response = client.parse_response(answer.content, answer.headers.get(HEADER_LENGTH))
    assert client.read_transcript(response) == "it was the best"


# -- speech --------------------------------------------------------------------------------------


def test_sound_at_another_rate_is_resampled() -> None:
    request = client.speech_request(TONE, 8_000, {})
    assert len(options.read_audio(request, 30.0)) == pytest.approx(3_200, abs=2)


@pytest.mark.parametrize(
    ("audio", "rate_hz", "error"),
    [
        (TONE, 100, UnsupportedSampleRate),
        (TONE[:0], 16_000, InvalidAudioFormat),
        (np.array([np.nan], np.float32), 16_000, InvalidAudioFormat),
        (np.zeros(16_001, np.float32), 16_000, PayloadTooLarge),
        (TONE[None], 16_000, InvalidParameter),
        (TONE.astype(np.float64), 16_000, InvalidParameter),
    ],
)
def test_sound_that_the_model_cannot_take_is_refused(
    audio: Any, rate_hz: int, error: type[Exception]
) -> None:
    names = {np.dtype(np.float32): "FP32", np.dtype(np.float64): "FP64"}
    rate = Tensor("SAMPLE_RATE", "INT32", np.array([rate_hz], np.int32))
    request = InferRequest((Tensor("AUDIO", names[audio.dtype], audio), rate))
    with pytest.raises(error):
        options.read_audio(request, longest_s=1.0)


def test_inputs_must_be_the_models() -> None:
    with pytest.raises(InvalidParameter, match="SAMPLE_RATE INT32"):
        options.read_audio(InferRequest((Tensor("AUDIO", "FP32", TONE),)), 30.0)


@pytest.mark.parametrize("priority", [True, -1, "high", 1.0])
def test_a_priority_is_a_whole_number(priority: Any) -> None:
    with pytest.raises(InvalidParameter, match="priority"):
        options.is_urgent(InferRequest((), parameters={"priority": priority}))


def test_ordinary_requests_are_not_urgent() -> None:
    assert not options.is_urgent(InferRequest(()))
    assert not options.is_urgent(InferRequest((), parameters={"priority": 2}))


# -- gRPC ----------------------------------------------------------------------------------------


def test_a_raw_grpc_request_is_read() -> None:
    tensor = triton_grpc.InferInput("X", [2], "FP32")
    tensor.set_data_from_numpy(np.array([1, 2], np.float32))
    message = pb.ModelInferRequest(id="a7")
    message.inputs.append(tensor._get_tensor())
    message.raw_input_contents.append(tensor._get_content())
    message.parameters["sequence_end"].bool_param = True
    request = protobuf.parse_request(message)
    assert request.inputs[0].values.tolist() == [1, 2]
    assert request.id == "a7"
    assert request.parameters == {"sequence_end": True}


def test_typed_grpc_contents_are_read() -> None:
    message = pb.ModelInferRequest()
    message.inputs.add(name="X", datatype="INT8", shape=[2]).contents.int_contents.extend([1, -2])
    message.inputs.add(name="Y", datatype="BYTES", shape=[1]).contents.bytes_contents.append(
        b"\xff"
    )
    one, other = protobuf.parse_request(message).inputs
    assert one.values.tolist() == [1, -2]
    assert other.values.tolist() == [b"\xff"]


def test_raw_and_typed_contents_do_not_mix() -> None:
    message = pb.ModelInferRequest(raw_input_contents=[b"\0"])
    message.inputs.add(name="X", datatype="INT8", shape=[1])
    message.inputs.add(name="Y", datatype="INT8", shape=[1]).contents.int_contents.append(1)
    with pytest.raises(InvalidParameter, match="1 raw tensors for 2 inputs"):
        protobuf.parse_request(message)


def test_the_grpc_client_reads_the_answer() -> None:
    response = InferResponse(
        "m", "1", SAID.outputs, "a7", {"queue_ns": 5, "share": 0.5, "ok": True}
    )
    message = protobuf.response_message(InferRequest((), binary=True), response)
    result = triton_grpc.InferResult(message)
    assert result.as_numpy("TRANSCRIPT").tolist() == [b"it was the best"]
    assert message.parameters["queue_ns"].int64_param == 5
    assert message.parameters["ok"].bool_param


def test_metadata_says_the_models_shape() -> None:
    model = options.speech_model("moonshine-tiny-en", ("1", "2"), "onnxruntime")
    message = protobuf.metadata_message(model)
    assert list(message.versions) == ["1", "2"]
    assert list(message.inputs[0].shape) == [-1]
    described = server.model_metadata(model)
    assert json.loads(json.dumps(described))["outputs"] == [
        {"name": "TRANSCRIPT", "datatype": "BYTES", "shape": [1]}
    ]


def test_a_long_text_among_numbers_is_refused_before_an_array_is_made() -> None:
    """Each of the elements would take as much room as the longest of them."""
    with pytest.raises(InvalidParameter, match="FP32 cannot hold them"):
        from_list("AUDIO", "FP32", (10_001,), ["a" * 1_000_000, *([0] * 10_000)])


def test_many_strings_are_refused() -> None:
    many = MAX_STRINGS + 1
    with pytest.raises(InvalidParameter, match="at most 65,536"):
        from_raw("TEXT", "BYTES", (many,), bytes(4 * many))


def test_json_of_many_lists_is_refused_unread() -> None:
    body = b"[" + b"[]," * 5_000 + b"[]]"
    with pytest.raises(InvalidParameter, match="lists and objects"):
        server.parse_request(body, None)


@pytest.mark.parametrize("read", [options.read_draft, options.read_context])
def test_what_steers_is_no_longer_than_an_answer(read: Any) -> None:
    long = "1 " * 2_049
    asked = InferRequest(inputs=(), parameters={"draft": long, "context": long})
    with pytest.raises(InvalidParameter, match="4,096 characters"):
        read(asked)
