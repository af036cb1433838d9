"""How far somebody got who goes step by step, and how long each step took."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from slo.core.outcome import Finding
from slo.errors import Fault
from slo.net.attempt import Attempt, Reached
from slo.net.findings import shortened


@dataclass(frozen=True, kw_only=True, slots=True)
class Course:
    """The steps that were begun: how many seconds of the attempt had passed at each.

    `failed` is the step that was not taken to its end, counted from 1; 0 where all were.
    """

    begun: tuple[float, ...] = ()
    failed: int = 0

    def told(self, reached: Reached) -> Reached:
        """The same attempt, whose fault says in which step it was."""
        fault = reached.fault
        if fault is None or not self.failed:
            return reached
        detail = f"step {self.failed}: {fault.detail}"
        return replace(reached, fault=Fault(fault.reason, fault.phase, detail, fault.phases))

    def findings(self, steps: Sequence[str], reached: Reached) -> Iterator[Finding]:
        """What each step that was begun did or waited for, and how long; `steps` says what they do."""
        ends = (*self.begun[1:], reached.seconds)
        for number, (what, begun, ended) in enumerate(zip(steps, self.begun, ends, strict=False), 1):
            failed = "failed after " if number == self.failed else ""
            yield Finding(name=f"step {number}", text=f"{shortened(what)}: {failed}{(ended - begun) * 1000:.1f} ms")


class Stepping:
    """Keeps the course of an attempt that is under way."""

    def __init__(self, attempt: Attempt) -> None:
        self._attempt = attempt
        self._begun: list[float] = []
        self._under_way = False

    def begin(self) -> None:
        """Begin the next step."""
        self._attempt.enter("exchange")
        self._begun.append(sum(self._attempt.phases.values()))
        self._under_way = True

    def finish(self) -> None:
        """The last step was taken to its end."""
        self._under_way = False

    @property
    def course(self) -> Course:
        """How far it got until now."""
        return Course(begun=tuple(self._begun), failed=len(self._begun) if self._under_way else 0)
