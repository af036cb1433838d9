"""Documents of the Kubernetes API: lists and events of any resource, in JSON.

Only what is asked for is read of a document, so that a pod of 20 KB leaves a pod of ours and nothing else behind. Go
writes nothing at all, or null, for what is empty: such fields are optional, and None by default.

Protocol: https://kubernetes.io/docs/reference/using-api/api-concepts/
"""

from typing import Annotated, Generic, Literal, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from slo.errors import Fault

T = TypeVar("T")


class Document(BaseModel):
    """An object of the API, or a part of one. Unknown keys are for others; a value of another type is refused."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True, hide_input_in_errors=True)


Name: TypeAlias = Annotated[str, Field(min_length=1)]

Count: TypeAlias = Annotated[int, Field(ge=0, lt=2**63)]
"""How many there are of something."""


class Metadata(Document):
    """What every object has: its place in the cluster and its version."""

    namespace: str = ""
    name: Name
    uid: Name
    resource_version: Name = Field(alias="resourceVersion")

    @property
    def key(self) -> str:
        """What it is called among its like: `NAMESPACE/NAME`."""
        return f"{self.namespace}/{self.name}"


class Whole(Document):
    """A whole object."""

    metadata: Metadata


D = TypeVar("D", bound=Whole)


class ListMetadata(Document):
    """What a page of a LIST says of itself. `proceed` asks for the next page; it is empty on the last one."""

    resource_version: Name = Field(alias="resourceVersion")
    proceed: str = Field(default="", alias="continue")


class Changed(Document, Generic[D]):
    """Something of a WATCH became like this; what is `DELETED` was like this before."""

    type: Literal["ADDED", "MODIFIED", "DELETED"]
    object: D


class _Version(Document):
    resource_version: Name = Field(alias="resourceVersion")


class _Versioned(Document):
    metadata: _Version


class Bookmark(Document):
    """Everything up to this version has been sent."""

    type: Literal["BOOKMARK"]
    object: _Versioned


class Status(Document):
    """Why the API server does not do what it was asked."""

    code: int = 0
    reason: str = ""
    message: str = ""


class Failed(Document):
    """The end of a WATCH, and why."""

    type: Literal["ERROR"]
    object: Status


def read(adapter: TypeAdapter[T], content: bytes | str, what: str) -> T:
    """What a document says. Raises Fault, in which no value of the document stands."""
    try:
        return adapter.validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise Fault("malformed", detail=f"{what}: {place + ': ' if place else ''}{first['msg']}") from None
