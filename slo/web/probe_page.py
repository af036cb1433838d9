"""One probe as a page shows it: each of its checks, with the last rounds and the last failures."""

from collections.abc import Mapping, Sequence
from urllib.parse import quote

from slo.core.hints import hint_of
from slo.core.outcome import Outcome
from slo.core.reason import REASONS, State
from slo.web.words import minute

MOST_CHECKS = 50
"""How many checks a page shows, those first that are bad now."""

ROUNDS: Mapping[State, tuple[str, str]] = {
    State.GOOD: ("ok", "Good"),
    State.BAD: ("overspent", "Bad"),
    State.UNKNOWN: ("no_data", "Unknown"),
}
"""What a round saw as the shape and the colour of a state, and its word."""


def probe_path(probe: str) -> str:
    """Where the page of a probe is."""
    return f"/probes/{quote(probe, safe='')}"


def check_section(outcomes: Sequence[Outcome], agent: str) -> dict[str, object]:
    """One check: what it saw last, and what it saw before, newest first. The agent reported the last, if any did."""
    last = outcomes[0]
    state, word = ROUNDS[last.state]
    meaning = REASONS[last.reason].meaning
    return {
        "target": last.target,
        "vantage_point": last.vantage_point,
        "agent": agent,
        "labels": ", ".join(f"{name}={value}" for name, value in last.labels.items()),
        "state": state,
        "word": word,
        "meaning": meaning[0].upper() + meaning[1:],
        "hint": hint_of(last.reason),
        "rounds": [_row(outcome) for outcome in outcomes],
    }


def headline(checks: Sequence[Sequence[Outcome]]) -> tuple[str, str]:
    """The state of a probe, the worst of its checks, and its word with how many of them say so."""
    if not checks:
        return "no_data", "No rounds yet"
    worst = checks[0][0].state
    count = sum(outcomes[0].state is worst for outcomes in checks)
    state, word = ROUNDS[worst]
    return state, word if len(checks) == 1 else f"{word}: {count} of {len(checks)}"


def _row(outcome: Outcome) -> dict[str, object]:
    state, word = ROUNDS[outcome.state]
    return {
        "at": minute(outcome.at),
        "state": state,
        "word": word,
        "extra": outcome.extra,
        "reason": outcome.reason,
        "detail": outcome.detail,
        "phases": [(phase, f"{seconds * 1000:.1f}") for phase, seconds in outcome.phases.items()],
        "all": f"{outcome.duration_seconds * 1000:.1f} ms",
    }
