"""One round of a probe, as the runner would drive it, for tests."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from pydantic import BaseModel

from slo.core.outcome import Judgement
from slo.core.reason import REASONS
from slo.core.sample import Sample
from slo.net.context import Context
from slo.runner.clock import SteadyClock


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What one round found and what was made of it."""

    facts: Any
    judgement: Judgement
    samples: tuple[Sample, ...]
    findings: Mapping[str, str]

    @property
    def reason(self) -> str:
        return self.judgement.reason

    def value(self, name: str, **labels: str) -> float | None:
        """The value of a sample; None where there is none."""
        found = [sample for sample in self.samples if sample.name == name and labels.items() <= sample.labels.items()]
        return found[0].value if found else None


async def look(
    kind: ModuleType,
    config: Mapping[str, object] | BaseModel,
    *,
    timeout_seconds: float = 10.0,
    context: Context | None = None,
) -> Seen:
    """Build the probe, let it look once, and judge."""
    clock = SteadyClock()
    own = context or Context.default(clock)
    try:
        check = kind.build(kind.Config.model_validate(config), own)
        facts = await check.observe(own.clock.monotonic() + timeout_seconds)
    finally:
        if context is None:
            await own.close()
    (judgement,) = check.judge(facts)
    assert judgement.state is REASONS[judgement.reason].state
    explained = check.explain(facts, own.clock.now()) if hasattr(check, "explain") else ()
    findings = {finding.name: finding.text for finding in explained}
    return Seen(facts=facts, judgement=judgement, samples=tuple(check.samples(facts)), findings=findings)
