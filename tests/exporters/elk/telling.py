"""Telemetry to forward, made for tests."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from slo.core.telemetry import Counted, Counts3, Logged, Measured, Point, Rank, Record, Telemetry, id_of
from slo.core.telemetry_document import written

AT = datetime(2026, 11, 26, 12, 0, 0, 250_000, tzinfo=UTC)
LABELS = {"slo": "checkout-availability", "service": "checkout", "environment": "production", "customer": "acme"}
PLACE = {"namespace": "shop", "pod": "checkout-7d9c-abcde", "node": "node-3", "cluster": "eu-1"}


def counted(slot: int = 0, *, slo: str = "checkout-availability", correction: bool = False) -> Counted:
    """What was counted in a slot of a minute: more as time goes by."""
    end = int(AT.timestamp()) // 60 * 60 + 60 * slot
    return Counted(
        id=id_of(slo, end),
        end=end,
        seconds=60,
        labels={**LABELS, "slo": slo},
        counts=Counts3(58 + slot, 2, slot % 3),
        totals=Counts3(58 + 100 * slot, 2 + slot, slot),
        correction=correction,
    )


def measured(round_: int = 0, *, slos: int = 2) -> Measured:
    """Burn rates of some SLOs over two windows, and what is left of their budgets. One is no number."""
    points = [
        Point("slo_burn_rate", "gauge", {**LABELS, "slo": f"slo-{number}", "window": window}, number + 0.5)
        for number in range(slos)
        for window in ("5m", "1h")
    ]
    points += [
        Point("slo_budget_remaining_ratio", "gauge", {**LABELS, "slo": f"slo-{number}"}, 0.25 * number)
        for number in range(slos)
    ]
    points.append(Point("slo_latency_objective_seconds", "gauge", LABELS, float("nan")))
    return Measured(at=AT + timedelta(minutes=round_), points=points)


def opened(number: int = 1) -> Logged:
    """An incident that was opened by a person."""
    return Logged(
        id=id_of("event", number),
        at=AT + timedelta(seconds=number),
        dataset="watchkeep.incident",
        action="opened",
        message="checkout-availability burns its budget 14.4 times too fast",
        level="error",
        sequence=number,
        labels=LABELS,
        fields={
            "id": "2026-0001",
            "by": "ada",
            "priority": "P0",
            "firing": [{"severity": "page", "window": "1h"}],
            "evidence": {"burn_rates": {"1h": 14.4, "5m": float("inf")}},
        },
    )


def observed(number: int = 1) -> Logged:
    """A round that was bad."""
    return Logged(
        id=id_of("outcome", number),
        at=AT + timedelta(seconds=number),
        dataset="watchkeep.outcome",
        action="observed",
        outcome="failure",
        level="error",
        message="front of https://shop.example/ is bad: connect_refused",
        labels={**LABELS, **PLACE},
        fields={"check": "front", "reason": "connect_refused", "duration_seconds": 0.25, "phases": {"connect": 0.25}},
    )


def audited(number: int = 1) -> Logged:
    """A silence that somebody made."""
    return Logged(
        id=id_of("audit", number),
        at=AT + timedelta(seconds=number),
        dataset="watchkeep.audit",
        action="silence_added",
        message="ada silences customer=acme until 14:00",
        sequence=number,
        labels={},
        fields={"by": "ada", "why": "we move"},
    )


def rank_of(telemetry: Telemetry) -> Rank:
    """The rank that telemetry of that type has."""
    match telemetry:
        case Counted():
            return Rank.COUNT
        case Measured():
            return Rank.METRIC
        case Logged(dataset="watchkeep.outcome"):
            return Rank.OUTCOME
    return Rank.EVENT


def records(telemetry: Iterable[Telemetry]) -> list[Record]:
    """Telemetry as it comes from a spool."""
    return [
        Record(number=number, rank=rank_of(each), at=AT.timestamp(), body=written(each))
        for number, each in enumerate(telemetry, 1)
    ]
