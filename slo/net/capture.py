"""What is taken out of a response for later requests: a value of its JSON, of a header, of its text, or a cookie."""

from typing import TYPE_CHECKING

from pydantic import Field, field_validator, model_validator

from slo.config.request import HeaderName
from slo.config.types import Pattern, Section, wrong
from slo.net.http1 import Response
from slo.net.json_body import compiled, text_at

if TYPE_CHECKING:
    from slo.net.cookies import Cookies

LONGEST_VALUE = 8192
"""A longer value is none: no server takes a longer header."""


class Capture(Section):
    """Where in a response a value is, in one of these ways."""

    json_: str | None = Field(default=None, alias="json")
    """A JSONPath that leads to one text, number or truth in the body."""

    header: HeaderName | None = None
    """A header; its first line is the value."""

    regex: Pattern | None = None
    """An expression that matches in the body. Its first group is the value."""

    cookie: str | None = Field(default=None, min_length=1)
    """A cookie that was set in this round."""

    @field_validator("json_")
    @classmethod
    def _path(cls, value: str | None) -> str | None:
        try:
            if value is not None:
                compiled(value)
        except ValueError as error:
            raise wrong(f"{value!r} is no JSONPath: {error}", "write it as $.access_token, see RFC 9535") from None
        return value

    @field_validator("regex")
    @classmethod
    def _has_a_group(cls, value: Pattern | None) -> Pattern | None:
        if value is not None and not value.groups:
            raise wrong("has no group", "put the value into brackets, as in 'token=([0-9a-f]+)'")
        return value

    @model_validator(mode="after")
    def _one_way(self) -> "Capture":
        if [self.json_, self.header, self.regex, self.cookie].count(None) != 3:
            raise wrong("does not say where the value is", "write one of json, header, regex and cookie")
        return self

    @property
    def reads_body(self) -> bool:
        """Whether the body has to be kept for it."""
        return self.json_ is not None or self.regex is not None

    def value(self, response: Response, cookies: "Cookies") -> str | None:
        """The value; None where there is none that can be put into a request."""
        found = self._found(response, cookies)
        if not found or len(found) > LONGEST_VALUE or not found.isprintable():
            return None
        return found

    def _found(self, response: Response, cookies: "Cookies") -> str | None:
        if self.json_ is not None:
            return text_at(compiled(self.json_), response.body)
        if self.header is not None:
            return next((line.decode("latin-1") for line in response.lines(self.header)), None)
        if self.regex is not None:
            match = self.regex.search(response.body)
            group = match.group(1) if match else None
            return group.decode(errors="replace") if isinstance(group, bytes) else group
        return cookies.value(self.cookie or "")
