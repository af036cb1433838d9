"""Documents of JSON: what must stand in them, and numbers in them that are metrics."""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, Field, JsonValue

from exporters.service.reading import Answer
from slo.config.identity import Name
from slo.config.section import Section
from slo.config.types import wrong
from slo.core.outcome import Finding
from slo.core.sample import Sample
from slo.net.json_body import JSONExpectation, compiled

if TYPE_CHECKING:
    from jsonpath_rfc9535 import JSONPathQuery


def _path(path: str) -> str:
    try:
        compiled(path)
    except ValueError as error:
        raise wrong(f"is no JSONPath: {error}", "write one, as $.queue.depth") from None
    return path


Path = Annotated[str, AfterValidator(_path)]


class DocumentKeys(Section):
    """A document of JSON."""

    expect: dict[Path, JsonValue] = Field(default={})
    """What must stand where a JSONPath (RFC 9535) leads to, as {$.status: ok}."""

    values: dict[Name, Path] = Field(default={})
    """Numbers and truths to serve as `watchkeep_service_value`, by names of yours, as {queue_depth: $.queue.depth}."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    """What was looked for in a document. `values` are those that were found, `missing` the names of the others."""

    mismatch: str | None
    values: Mapping[str, float]
    missing: tuple[str, ...]

    def verdict(self) -> tuple[str, str]:
        """Bad where something is not as expected; a number that is not there leaves nothing known of it."""
        if self.mismatch:
            return "json", self.mismatch
        if self.missing:
            return "health_untold", f"it has no number for {', '.join(self.missing)}"
        return "ok", ""

    def findings(self) -> Iterator[Finding]:
        """The numbers."""
        for name, value in self.values.items():
            yield Finding(name=name, text=f"{value:g}")

    def samples(self) -> Iterator[Sample]:
        """The numbers."""
        for name, value in self.values.items():
            yield Sample("watchkeep_service_value", value, {"name": name})


class DocumentReading:
    """Reads documents of JSON."""

    accept = "application/json"
    statuses = frozenset({200})

    def __init__(self, keys: DocumentKeys) -> None:
        self._expectation = JSONExpectation(keys.expect, shows_found=True)
        self._queries = {name: compiled(path) for name, path in keys.values.items()}

    def read(self, answer: Answer) -> Document:
        """What is looked for in it. Raises ValueError, in words, for what is no JSON."""
        try:
            document = json.loads(answer.body)
        except (ValueError, RecursionError):
            raise ValueError("the body is no JSON") from None
        found = {name: _number(query, document) for name, query in self._queries.items()}
        return Document(
            mismatch=self._expectation.mismatch(answer.body),
            values={name: value for name, value in found.items() if value is not None},
            missing=tuple(name for name, value in found.items() if value is None),
        )


def _number(query: "JSONPathQuery", document: JsonValue) -> float | None:
    """The one finite number or truth that a path leads to. A text is none, whatever it spells; NaN is no JSON."""
    from jsonpath_rfc9535 import JSONPathError

    try:
        (found,) = query.find(document).values()
        number = float(found) if isinstance(found, int | float) else math.nan
    except (ValueError, OverflowError, JSONPathError, RecursionError):
        return None
    return number if math.isfinite(number) else None
