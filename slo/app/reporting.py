"""What an agent makes of the rounds of its checks: records for the watch that it reports to."""

import json
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace

from exporters.forwarding.spool import Spool
from slo.core.batch import Gone, Observed, Record, digest_of
from slo.core.batch_document import LONGEST_TEXT, document_of
from slo.core.outcome import CheckKey, Outcome
from slo.core.protocols import Clock
from slo.core.telemetry import Rank
from slo.runner.schedule import Scheduled
from slo.sources.checks import Watched
from slo.sources.scrape import Scraped
from slo.store.spooled import New


class Reporting:
    """Puts every round into `spool`. `wanted` says of a target that is not looked at here whether anybody wants it."""

    def __init__(self, spool: Spool, *, clock: Clock, wanted: Callable[[CheckKey], bool]) -> None:
        self._spool = spool
        self._clock = clock
        self._wanted = wanted

    async def expect(self, targets: Collection[Scheduled]) -> None:
        """The watch hears of a target with its first round."""

    def change(self, *, gone: Collection[CheckKey], watched: Iterable[Watched]) -> None:
        """Say which targets nobody wants any more; those that another agent looks at now are not among them."""
        del watched
        for check, target in gone:
            if not self._wanted((check, target)):
                self._add(Gone(check=check, target=target, at=self._clock.now()))

    def observe(self, outcome: Outcome) -> None:
        """Report one round."""
        self._add(Observed(outcome=_short(outcome)))

    def _add(self, record: Record) -> None:
        at = (record.at if isinstance(record, Gone) else record.outcome.at).timestamp()
        document = json.dumps(document_of(record), separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        self._spool.add([New(rank=Rank.OUTCOME, at=at, body=document.encode())])


class ReportingScrapes(Reporting):
    """The same of scrapes, with the series in them that SLIs are counted from."""

    def __init__(self, spool: Spool, *, clock: Clock, wanted: Callable[[CheckKey], bool]) -> None:
        super().__init__(spool, clock=clock, wanted=wanted)
        self._looked_for: frozenset[str] = frozenset()

    def look_for(self, slis: Iterable[str]) -> None:
        """Scrapes look out for the series of these SLIs, by key, from now on."""
        self._looked_for = frozenset(map(digest_of, slis))

    def scraped(self, outcome: Outcome, facts: Scraped | None) -> None:
        """Report one scrape, whatever came of it."""
        self._add(Observed(outcome=outcome, samples=facts.series if facts else (), looked_for=self._looked_for))


def _short(outcome: Outcome) -> Outcome:
    """A round with no text that the watch would not take: pods are called as their authors like."""
    texts = (outcome.detail, *outcome.labels.values())
    if all(len(text) <= LONGEST_TEXT for text in texts):
        return outcome
    labels = {name: value[:LONGEST_TEXT] for name, value in outcome.labels.items()}
    return replace(outcome, detail=outcome.detail[:LONGEST_TEXT], labels=labels)
