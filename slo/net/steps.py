"""The keys of several requests in turn, with what is taken out of one and put into another."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, ValidationError
from pydantic_core import InitErrorDetails

from slo.config.names import Names
from slo.config.types import HTTPURL, wrong
from slo.net.capture import Capture
from slo.net.exchange_config import ExchangeConfig
from slo.net.filling import names_in

Place = tuple[str | int, ...]


def _with_a_host_of_its_own(value: str) -> str:
    if "{" in urlsplit(value).netloc:
        raise wrong("has a host that is not written", "write it; values have their places in the path and the query")
    return value


StepName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_-]*$", max_length=60)]
ValueName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=60)]


class Step(ExchangeConfig):
    """One request of several."""

    name: StepName
    """What the step is called, in reasons and in metrics."""

    url: Annotated[HTTPURL, AfterValidator(_with_a_host_of_its_own)]
    """What to ask for. `{{name}}` in its path and query is a value that an earlier step took out of its response; so it
    is in `headers`, `authorization`, `bearer_token` and `body`."""

    capture: dict[ValueName, Capture] = Field(default={})
    """What is taken out of the response, by the name under which later steps know it. It is kept secret."""

    @property
    def texts(self) -> Iterator[tuple[Place, str]]:
        """The texts that may have places for values, and where they stand."""
        yield ("url",), self.url
        for header, values in self.headers.items():
            for value in values:
                yield ("headers", header), value.reveal()
        if self.authorization:
            yield ("authorization", "credentials"), self.authorization.credentials.reveal()
        if self.bearer_token:
            yield ("bearer_token",), self.bearer_token.reveal()
        if self.body:
            yield ("body",), self.body.reveal().decode()


def refuse_confusion(steps: Sequence[Step]) -> None:
    """Raise ValidationError for names that come twice, and for places that no earlier step has a value for."""
    faults = [
        InitErrorDetails(type=wrong(problem, mend), loc=place, input="")
        for place, problem, mend in (*_twice(steps), *_unfilled(steps))
    ]
    if faults:
        raise ValidationError.from_exception_data("steps", faults)


def _twice(steps: Sequence[Step]) -> Iterator[tuple[Place, str, str]]:
    names: set[str] = set()
    captured: dict[str, str] = {}
    for index, step in enumerate(steps):
        if step.name in names:
            yield (index, "name"), f"{step.name} is the name of an earlier step", "give each step a name of its own"
        names.add(step.name)
        for name in step.capture:
            if name in captured:
                yield (index, "capture", name), f"step {captured[name]} captures it already", "give it another name"
            captured.setdefault(name, step.name)


def _unfilled(steps: Sequence[Step]) -> Iterator[tuple[Place, str, str]]:
    captured = {name: step for step in reversed(steps) for name in step.capture}
    known: dict[str, None] = {}
    for index, step in enumerate(steps):
        for place, text in step.texts:
            for name in names_in(text):
                if name not in known:
                    yield (index, *place), *_unknown(name, step, captured)
        known.update(dict.fromkeys(step.capture))


def _unknown(name: str, step: Step, captured: Mapping[str, Step]) -> tuple[str, str]:
    """What is wrong with a place, and its mend. What stands in it may be a secret that was meant otherwise."""
    by = captured.get(name)
    if by is not None:
        where = "this step itself" if by is step else f"the later step {by.name}"
        return f"uses {{{{{name}}}}}, which {where} captures", "use it in a step after that one"
    mend = "capture it in an earlier step"
    if nearest := Names(captured).nearest(name.strip()):
        mend = f"write {{{{{nearest}}}}}"
    return "has a place {{...}} for a value that no step captures", mend
