"""The one file of a form, piece by piece as it arrives; no more of it is held."""

from collections.abc import AsyncIterator

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

from lab_kit.core.errors import InvalidParameter
from lab_kit.core.shown import shown

FORM = "multipart/form-data"
FIELD = "file"
MOST_PARTS = 32
"""Of a form; the others are read over."""
MOST_BESIDE_BYTES = 65_536
"""Of a form, beside its file: headers, and fields that are read over."""
LONGEST_BOUNDARY = 70
"""Source: RFC 2046, 5.1.1."""
_EXPECTED = f'{FORM} with one file, in the field "{FIELD}"'


def is_form(content_type: str) -> bool:
    """Whether a body is a form that may hold a file."""
    return content_type.partition(";")[0].strip().lower() == FORM


async def file_of(content_type: str, body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The content of the form's file.

    Raises:
        InvalidParameter: it is no form, is damaged, or does not hold one file.
    """
    reader = FormFile(content_type)
    async for chunk in body:
        for piece in reader.read(chunk):
            yield piece
    reader.end()


class FormFile:
    """Finds the file while a form arrives.

    Raises:
        InvalidParameter: the type names no boundary.
    """

    def __init__(self, content_type: str) -> None:
        _, options = parse_options_header(content_type)
        boundary = options.get(b"boundary", b"")
        if not 0 < len(boundary) <= LONGEST_BOUNDARY:
            raise _refused(f"a form whose boundary is {shown(boundary.decode('latin-1'))}")
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": self._name,
                "on_header_value": self._value,
                "on_header_end": self._header,
                "on_part_data": self._data,
                "on_end": self._finish,
            },
        )
        self._field = self._content = b""
        self._is_file = self._is_whole = False
        self._parts = self._files = self._beside_bytes = 0
        self._pieces: list[bytes] = []

    def read(self, chunk: bytes) -> list[bytes]:
        """What of the file is in ``chunk``.

        Raises:
            InvalidParameter: the form is damaged, or there is too much beside its file.
        """
        self._pieces = []
        try:
            self._parser.write(chunk)
        except MultipartParseError as error:
            raise _refused(f"a damaged form ({error})") from error
        self._beside_bytes += len(chunk) - sum(map(len, self._pieces))
        if self._beside_bytes > MOST_BESIDE_BYTES:
            raise _refused(f"a form with more than {MOST_BESIDE_BYTES:,} bytes beside its file")
        return self._pieces

    def end(self) -> None:
        """Make sure that the form was whole, and had its file.

        Raises:
            InvalidParameter: it was not, or had none.
        """
        if not self._is_whole:
            raise _refused("a form that ends before its last delimiter")
        if not self._files:
            raise _refused(f'a form without a file in the field "{FIELD}"')

    def _begin(self) -> None:
        self._parts += 1
        self._is_file = False
        if self._parts > MOST_PARTS:
            raise _refused(f"a form of more than {MOST_PARTS} parts")

    def _name(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _value(self, data: bytes, start: int, end: int) -> None:
        self._content += data[start:end]

    def _header(self) -> None:
        if self._field.lower() == b"content-disposition":
            _, options = parse_options_header(self._content)
            self._is_file = options.get(b"name") == FIELD.encode()
            self._files += self._is_file
            if self._files > 1:
                raise _refused(f'a form with two files in the field "{FIELD}"')
        self._field = self._content = b""

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._is_file:
            self._pieces.append(data[start:end])

    def _finish(self) -> None:
        self._is_whole = True


def _refused(received: str) -> InvalidParameter:
    return InvalidParameter(received, _EXPECTED, "send such a form, or the recording itself")
