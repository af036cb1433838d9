"""The kind `http_flow`: several requests over HTTP in turn, as a user makes them: log in, then read."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, Field

from slo.config.section import KindConfig
from slo.core.outcome import Finding, Judgement
from slo.core.reason import state_of
from slo.core.sample import Sample
from slo.errors import Fault
from slo.net.attempt import Reached
from slo.net.certificate import earliest_expiry
from slo.net.context import Context
from slo.net.cookies import Cookies
from slo.net.filling import filled, forms
from slo.net.findings import connection_findings
from slo.net.http1 import Response
from slo.net.inquiry import Inquiry, unhurried
from slo.net.steps import Step, refuse_confusion

MOST_STEPS = 20


def _clear(value: tuple[Step, ...]) -> tuple[Step, ...]:
    refuse_confusion(value)
    return value


class Config(KindConfig):
    """Several requests in turn, in one round with one timeout."""

    steps: Annotated[tuple[Step, ...], Field(min_length=1, max_length=MOST_STEPS), AfterValidator(_clear)]
    """The requests. The round ends with the first whose response is not as expected."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Taken:
    """A step that was taken, without any secret: how far it got, and the status of its response, 0 without one."""

    name: str
    reached: Reached
    status: int
    reason: str
    detail: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """The steps that were taken: all but the last were good."""

    taken: Sequence[Taken]


class HTTPFlow:
    """Takes one step after another, with the cookies and the values that came of those before."""

    def __init__(self, config: Config, context: Context) -> None:
        self.target = config.steps[0].url
        self._steps = [_ReadyStep(step, context) for step in config.steps]

    async def observe(self, deadline: float) -> Facts:
        """Every step up to the first that is not good."""
        values: dict[str, str] = {}
        cookies = Cookies()
        taken = []
        for step in self._steps:
            taken.append(await step.take(deadline, values, cookies))
            if taken[-1].reason != "ok":
                break
        return Facts(taken=taken)

    def judge(self, facts: Facts | Fault) -> Sequence[Judgement]:
        """One judgement: that of the last step. A phase is a step, since a user waits for steps."""
        if isinstance(facts, Fault):
            return [Reached(phases=facts.phases).judgement(facts.reason, facts.detail)]
        last = facts.taken[-1]
        detail = "" if last.reason == "ok" else f"step {last.name}" + (f": {last.detail}" if last.detail else "")
        phases = {each.name: each.reached.seconds for each in facts.taken}
        return [Judgement(state=state_of(last.reason), reason=last.reason, phases=phases, detail=detail)]

    def samples(self, facts: Facts | Fault) -> Iterable[Sample]:
        """Each step that was taken with the phases of its requests, its status and whether it was good."""
        if isinstance(facts, Fault):
            return
        for each in facts.taken:
            step = {"step": each.name}
            for phase, seconds in each.reached.phases.items():
                yield Sample("probe_http_flow_duration_seconds", seconds, {**step, "phase": phase})
            yield Sample("probe_http_flow_status_code", each.status, step)
            yield Sample("probe_http_flow_success", float(each.reason == "ok"), step)
        presented = [each.reached.handshake.presented for each in facts.taken if each.reached.handshake]
        if expiries := [expiry for chain in presented if (expiry := earliest_expiry(chain))]:
            yield Sample("probe_ssl_earliest_cert_expiry", min(expiries).timestamp())

    def explain(self, facts: Facts | Fault, at: datetime) -> Iterable[Finding]:
        """How each step went, by the phases of its requests, and what TLS showed in the last."""
        if isinstance(facts, Fault):
            return
        for each in facts.taken:
            phases = ", ".join(f"{phase} {seconds * 1000:.1f} ms" for phase, seconds in each.reached.phases.items())
            status = f"status {each.status}: " if each.status else ""
            yield Finding(name=f"step {each.name}", text=f"{status}{phases}")
        yield from connection_findings(facts.taken[-1].reached, at)


def build(config: Config, context: Context) -> HTTPFlow:
    """The probe of a configuration."""
    return HTTPFlow(config, context)


class _ReadyStep:
    """One step, made ready. Its details show nothing of a response: it may hold a token."""

    def __init__(self, step: Step, context: Context) -> None:
        self._name = step.name
        self._captures = step.capture
        keeps_body = any(capture.reads_body for capture in step.capture.values())
        self._inquiry = Inquiry(step, context, keeps_body=keeps_body, shows_found=False)
        self._as_it_is = self._inquiry.request.body if step.body_file else None

    async def take(self, deadline: float, values: dict[str, str], cookies: Cookies) -> Taken:
        """Take the step, before `deadline` (monotonic seconds); what it captures is added to `values`."""
        request = replace(filled(self._inquiry.request, values), confines_body=True)
        if self._as_it_is is not None:
            request = replace(request, body=self._as_it_is)
        fetched = await self._inquiry.ask(deadline, request=request, cookies=cookies)
        facts = await self._inquiry.look(fetched)
        reason, detail = facts.reason, facts.detail
        if fetched.reached.fault is not None and _tells_any(detail, values):
            detail = "what was answered holds a captured value, and is not shown"
        response = fetched.response
        if reason == "ok" and response is not None:
            captured = await unhurried(lambda: self._captured(response, cookies), response)
            if missing := [name for name in self._captures if name not in captured]:
                reason, detail = "capture", f"there is no {' and no '.join(missing)} in what came"
            values |= captured
        return Taken(
            name=self._name,
            reached=replace(fetched.reached, fault=None),
            status=response.status if response else 0,
            reason=reason,
            detail=detail,
        )

    def _captured(self, response: Response, cookies: Cookies) -> dict[str, str]:
        """The values that there are."""
        found = ((name, capture.value(response, cookies)) for name, capture in self._captures.items())
        return {name: value for name, value in found if value is not None}


def _tells_any(detail: str, values: Mapping[str, str]) -> bool:
    """Whether what is told of a fault holds a value in any form, as the path of a redirect may."""
    return any(form in detail for value in values.values() for form in forms(value))
