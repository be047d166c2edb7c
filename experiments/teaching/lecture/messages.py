"""What browsers may send: three kinds of JSON objects, of bounded size and depth."""

from typing import Annotated, Literal, TypeVar

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass
from starlette.exceptions import HTTPException
from starlette.requests import Request

STRICT = ConfigDict(strict=True)
Message = TypeVar("Message")


@dataclass(frozen=True, config=STRICT)
class Joining:
    """Somebody wants a seat.

    Attributes
    ----------
    code : str
        The join code, as it was typed.
    name : str
        What the person wants to be called.
    """

    code: str
    name: str = ""


@dataclass(frozen=True, config=STRICT)
class Prices:
    """A person's prices.

    Attributes
    ----------
    round : int
        For which round.
    prices : dict
        Texts by the keys of the questions.
    """

    round: int
    prices: dict[str, str]


@dataclass(frozen=True, config=STRICT)
class Act:
    """What the teacher wants done.

    Attributes
    ----------
    act : str
        Which of the acts.
    number : float
        Seconds, where it needs some.
    organisations : list of int
        Whose seats are meant, where it is about seats.
    """

    act: Literal[
        "start", "extend", "close", "finish", "forgive", "shut", "unlock", "let_crowds_join", "remove"
    ]
    number: Annotated[float, Field(allow_inf_nan=False)] = 0.0
    organisations: list[int] = Field(default_factory=list)


async def read_message(request: Request, kind: type[Message], most: int = 65_536) -> Message:
    """Return what was sent.

    Parameters
    ----------
    request : Request
        Its body is read, and no further than is allowed.
    kind : type
        `Joining`, `Prices` or `Act`.
    most : int
        Bytes that are allowed.

    Raises
    ------
    HTTPException
        With a sentence, if it is too large or not of that kind.
    """
    text = b""
    async for part in request.stream():
        text += part
        if len(text) > most:
            raise HTTPException(413, "too much was sent")
    try:
        return TypeAdapter(kind).validate_json(text)
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_input=False, include_context=False)[0]
        if wrong["loc"][:1] == ("number",):
            raise HTTPException(400, "Write a number.") from error
        key = ".".join(map(str, wrong["loc"])) or "what is sent"
        raise HTTPException(400, f"{key[:40]}: {wrong['msg']}") from error
