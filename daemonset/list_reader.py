"""A page of a LIST, read as it arrives, one object after another.

A page may have every pod of a node, at 10 KB and more each, and as a whole it would take eight times as much memory
while it is read. So no more of it is held than an object that has not arrived completely.
"""

import codecs
import json
import re
from collections.abc import Callable, Generator
from typing import Generic

from pydantic import TypeAdapter

from daemonset.documents import D, ListMetadata, read
from slo.errors import Fault

_BLANK = re.compile(r"[ \t\r\n]*")
_METADATA = TypeAdapter(ListMetadata)
_DECODER = json.JSONDecoder()

Steps = Generator[None, None, None]
"""Reading that is interrupted where more has to arrive."""


class ListReader(Generic[D]):
    """Gives `take` each object. `what` is what is read, for faults; no part may have more than `longest` characters.

    JSON that is no list, or has no end, is a fault, as is an object that cannot be read.
    """

    def __init__(self, document: TypeAdapter[D], take: Callable[[D], None], *, what: str, longest: int) -> None:
        self._document = document
        self._take = take
        self._what = what
        self._longest = longest
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._text = ""
        self._at = 0
        self._count = 0
        self._ended = False
        self._metadata: ListMetadata | None = None
        self._steps = self._page()
        next(self._steps)

    def feed(self, piece: bytes) -> None:
        """The next bytes have arrived. Raises Fault."""
        try:
            self._text = self._text[self._at :] + self._decoder.decode(piece, final=self._ended)
        except UnicodeDecodeError:
            raise self._malformed("it is no text in UTF-8") from None
        self._at = 0
        next(self._steps, None)
        if len(self._text) - self._at > self._longest:
            raise Fault("too_large", detail=f"{self._what}: one of more than {self._longest} characters")

    def end(self) -> ListMetadata:
        """Everything has arrived; what the page says of itself. Raises Fault."""
        self._ended = True
        self.feed(b"")
        if self._metadata is None:
            raise self._malformed("it has no metadata")
        return self._metadata

    def _page(self) -> Steps:
        yield
        yield from self._expect("{")
        sign = yield from self._sign()
        while sign == '"':
            self._at -= 1
            name = yield from self._value()
            yield from self._expect(":")
            if name == '"items"':
                yield from self._items()
            else:
                value = yield from self._value()
                if name == '"metadata"':
                    self._metadata = read(_METADATA, value, f"{self._what}: metadata")
            sign = yield from self._sign()
            if sign == ",":
                sign = yield from self._sign()
                self._hold(sign == '"')
        self._hold(sign == "}")
        while not self._ended:
            yield
        self._hold(not self._text[self._at :].strip())

    def _items(self) -> Steps:
        sign = yield from self._sign()
        if sign != "[":
            self._at -= 1
            value = yield from self._value()
            self._hold(value == "null")
            return
        sign = yield from self._sign()
        while sign != "]":
            self._at -= 1
            value = yield from self._value()
            self._count += 1
            self._take(read(self._document, value, f"{self._what}: object {self._count}"))
            sign = yield from self._sign()
            self._hold(sign in ",]")
            if sign == ",":
                sign = yield from self._sign()
                self._hold(sign != "]")

    def _expect(self, wanted: str) -> Steps:
        sign = yield from self._sign()
        self._hold(sign == wanted)

    def _sign(self) -> Generator[None, None, str]:
        """The next character that is no blank."""
        while True:
            found = _BLANK.match(self._text, self._at)
            self._at = found.end() if found else self._at
            if self._at < len(self._text):
                self._at += 1
                return self._text[self._at - 1]
            self._hold(not self._ended)
            yield

    def _value(self) -> Generator[None, None, str]:
        """The text of the next value. One that was incomplete is looked at again when twice as much of it is there."""
        yield from self._sign()
        self._at -= 1
        enough = 0
        while True:
            there = len(self._text) - self._at
            if there >= enough or self._ended:
                try:
                    _, end = _DECODER.raw_decode(self._text, self._at)
                except RecursionError:
                    raise self._malformed("it is nested too deeply") from None
                except ValueError:
                    self._hold(not self._ended)
                else:
                    if end < len(self._text):  # or else a number could go on
                        start, self._at = self._at, end
                        return self._text[start:end]
                    self._hold(not self._ended)
                enough = 2 * there
            yield

    def _hold(self, condition: bool) -> None:  # noqa: FBT001 - as assert has it
        if not condition:
            raise self._malformed("it is no list in JSON")

    def _malformed(self, why: str) -> Fault:
        return Fault("malformed", detail=f"{self._what}: {why}")
