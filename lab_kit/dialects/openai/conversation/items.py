"""The items of a conversation: what was said, as the provider writes it down.

Source: OpenAI (2025), API reference, "Realtime", as openai 3.57 sends and parses it.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from lab_kit.core.errors import InvalidParameter
from lab_kit.core.replies import FunctionCall, Role, Said
from lab_kit.core.shown import shown
from lab_kit.dialects.openai.conversation.options import MOST_CHARS
from lab_kit.protocol.imitated import not_imitated

MOST_ITEMS = 200
"""That can still be named."""
_TEXTS = {"input_text", "output_text"}


class _Model(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)


_Text = Annotated[str, Field(max_length=MOST_CHARS)]
_Id = Annotated[str, Field(min_length=1, max_length=512)]


class _Part(_Model):
    type: Annotated[str, Field(max_length=64)]
    text: _Text | None = None


class _Message(_Model):
    type: Literal["message"]
    id: _Id | None = None
    role: Literal["user", "assistant", "system"]
    content: Annotated[list[_Part], Field(min_length=1, max_length=32)]


class _Call(_Model):
    type: Literal["function_call"]
    id: _Id | None = None
    name: _Id
    call_id: _Id
    arguments: _Text


class _Output(_Model):
    type: Literal["function_call_output"]
    id: _Id | None = None
    call_id: _Id
    output: _Text


_item: TypeAdapter[_Message | _Call | _Output] = TypeAdapter(
    Annotated[_Message | _Call | _Output, Field(discriminator="type")]
)


class ItemNotFound(InvalidParameter):
    """An item that is not in the conversation."""

    reason = "ITEM_NOT_FOUND"


def read_item(item: Any) -> tuple[str | None, Said, dict[str, Any]]:
    """The name of an item that a client creates, what it says, and it as it is told back.

    Raises:
        InvalidParameter: it is none, or brings what is not imitated here.
    """
    try:
        checked = _item.validate_python(item)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        where = ".".join(str(name) for name in ("item", *first["loc"]))
        raise InvalidParameter(
            f"{where}: {shown(first['input'])}",
            first["msg"],
            f"send {where} as the API's reference has it",
        ) from error
    told = checked.model_dump(exclude_none=True) | {
        "object": "realtime.item",
        "status": "completed",
    }
    match checked:
        case _Message():
            strange = [part.type for part in checked.content if part.type not in _TEXTS]
            if strange:
                raise not_imitated(f"item content of type {strange[0]}")
            text = " ".join(part.text or "" for part in checked.content)
            return checked.id, Said(Role(checked.role), text), told
        case _Call():
            call = FunctionCall(checked.call_id, checked.name, checked.arguments)
            return checked.id, Said(Role.ASSISTANT, "", call), told
        case _Output():
            return checked.id, Said(Role.TOOL, checked.output, answers=checked.call_id), told


class Items:
    """Those of one conversation that a client may name, and by what name history has them."""

    def __init__(self) -> None:
        self._items: dict[str, tuple[str, dict[str, Any]]] = {}

    def add(self, item: dict[str, Any], name: str) -> None:
        """Know an item; the one that is known for longest is forgotten where there are too many."""
        self._items[item["id"]] = (name, item)
        while len(self._items) > MOST_ITEMS:
            del self._items[next(iter(self._items))]

    def __contains__(self, item_id: str) -> bool:
        return item_id in self._items

    def named(self, item_id: Any) -> tuple[str, dict[str, Any]]:
        """History's name for an item, and the item.

        Raises:
            ItemNotFound: there is none.
        """
        if not isinstance(item_id, str) or item_id not in self._items:
            raise ItemNotFound(
                f"item {shown(item_id)}", "one of this conversation", "see conversation.item.added"
            )
        return self._items[item_id]

    def remove(self, item_id: Any) -> str:
        """Forget an item; returns history's name for it.

        Raises:
            ItemNotFound: there is none.
        """
        name, item = self.named(item_id)
        del self._items[item["id"]]
        return name
