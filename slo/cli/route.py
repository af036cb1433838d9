"""`watchkeep route`: who is told of an alert, on which terms, and why."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from slo.cli.labels import labels_in
from slo.cli.output import Cell, Part, Table, Tone, emit, json_option, warn
from slo.errors import UsageError

if TYPE_CHECKING:
    from slo.cli.routed import Routed


@click.command(name="route")
@click.option("--label", "pairs", multiple=True, required=True, metavar="K=V", help="A label of the alert.")
@click.option(
    "-c", "--config", "config", required=True, type=click.Path(path_type=Path), help="A file or a folder of YAML."
)
@click.option("--at", metavar="TIME", help="When the alert fires; now without it. As 2026-03-01T02:00:00Z.")
@json_option
def command(pairs: Sequence[str], config: Path, at: str | None, *, as_json: bool) -> None:
    """Say who is told of an alert with these labels, on which terms, and why.

    With the label slo, the SLO's own labels need not be given. Without severity it is a page; without priority it has
    the one that severity and environment give it. Silences that people made while a watch runs are not known here.
    """
    from slo.cli.context import load_settings
    from slo.cli.routed import routed

    labels, moment = labels_in(pairs), _moment(at)
    answer = routed(labels, load_settings(config), at=moment)
    emit(_document(answer), *_parts(answer), as_json=as_json)
    warn(answer.warnings)


def _moment(at: str | None) -> datetime:
    from slo.config.moments import parse_moment

    if at is None:
        return datetime.now(UTC)
    try:
        return parse_moment(at)
    except (ValueError, OverflowError) as error:
        raise UsageError(f"--at {at}: is no time: write it as 2026-03-01T02:00:00Z") from error


def _parts(answer: "Routed") -> list[Part]:
    rows = [
        (
            visit.route.place,
            Cell("tells", Tone.GOOD) if visit.tells else "yes" if visit.taken else Cell("no", Tone.FAINT),
            visit.why(answer.labels),
        )
        for visit in answer.plan.path
    ]
    return [
        f"{answer.labels['priority']} {answer.labels['severity']} with {_spelt(answer.labels)}",
        f"Priority {answer.labels['priority']}: {answer.priority_why}.",
        Table(columns=("route", "takes it", "why"), rows=rows),
        *_told(answer),
        _clock(answer),
        *_terms(answer),
        _silenced(answer),
        _suppressed(answer),
    ]


def _told(answer: "Routed") -> list[Part]:
    plan = answer.plan
    told: list[Part] = [f"Told: {', '.join(answer.told)}." if answer.told else Cell("Told: nobody.", Tone.BURNING)]
    if answer.pages_only:
        told.append(f"Not told, since it is no page: {', '.join(answer.pages_only)}.")
    steps = [f"at {float(100 * step.after):g} % {', '.join(step.destinations)}" for step in plan.escalation]
    for name, actions in answer.customer.items():
        told.append(f"The customer's {name} hears of: {', '.join(actions)}.")
    if steps:
        told.append(f"While nobody answers, of the response time: {'; '.join(steps)}.")
    return told


def _clock(answer: "Routed") -> str:
    from slo.core.contract import response_time_name
    from slo.core.written_contract import WrittenContract

    response = answer.response
    contract = response.contract
    digest = WrittenContract.of(contract).digest[:12]
    whose = f"the contract of {contract.title or contract.customer}" if contract.customer else "the usual contract"
    warned = ", ".join(f"{response.moment_of(share):%m-%d %H:%M}" for share in (0.5, 0.75, 0.9))
    return (
        f"Response: within {response_time_name(response.target)} by {whose} ({digest}), so by "
        f"{response.due:%Y-%m-%d %H:%M:%S} UTC; while nobody answers, people are warned at {warned}."
    )


def _terms(answer: "Routed") -> list[Part]:
    from slo.core.duration import duration_name
    from slo.core.routing import BY_INCIDENT

    plan = answer.plan
    wait, repeat, resolve = (
        duration_name(span.total_seconds()) for span in (plan.group_wait, plan.repeat_interval, plan.resolve_after)
    )
    if set(BY_INCIDENT) <= set(plan.group_by):
        grouped = "Grouped with nothing: each incident is told by itself"
    else:
        grouped = f"Grouped with others of the same {', '.join(plan.group_by)}"
    if plan.group_wait:
        grouped += f"; the first waits {wait} for others"
    return [
        f"{grouped}.",
        f"Reminded every {repeat} while nobody has taken it on.",
        f"Resolved when it was clear for {resolve}; each time that it soon comes back this doubles, up to an hour.",
    ]


def _silenced(answer: "Routed") -> Part:
    silence = answer.silence
    if silence is None:
        ahead = f" Later: {', '.join(each.name for each in answer.later)}." if answer.later else ""
        return f"Silenced: no.{ahead}"
    source = f"the exclusion {silence.name}" if silence.exclusion else silence.name
    what = f"Silenced: by {source} of {silence.owner}, {silence.reason.rstrip('.')}."
    until = silence.until(answer.at)
    ends = f" until {until:%Y-%m-%d %H:%M:%S} UTC" if until else ""
    return Cell(f"{what} Nobody is told{ends}; its incident is recorded.", Tone.BURNING)


def _suppressed(answer: "Routed") -> str:
    causes = [*answer.needs]
    for rule in answer.rules:
        same = f" of the same {', '.join(rule.equal)}" if rule.equal else ""
        causes.append(f"what has {', '.join(map(str, rule.source))}{same}")
    if not causes:
        return "Suppressed: never; it depends on nothing, and no rule has it as a target."
    return (
        f"Suppressed: only while one of these is open, as {answer.labels['priority']} or more urgent, has paged "
        f"and is not silenced: {'; '.join(causes)}."
    )


def _spelt(labels: Mapping[str, str]) -> str:
    shown = {label: value for label, value in labels.items() if value and label not in {"priority", "severity"}}
    return ", ".join(f'{label}="{value}"' for label, value in shown.items()) or "no labels"


def _document(answer: "Routed") -> dict[str, object]:
    from slo.core.contract import response_time_name
    from slo.core.written_contract import WrittenContract

    plan = answer.plan
    return {
        "labels": dict(answer.labels),
        "priority": answer.labels["priority"],
        "priority_why": answer.priority_why,
        "destinations": list(answer.told),
        "pages_only": list(answer.pages_only),
        "group_by": list(plan.group_by),
        "group_wait_seconds": plan.group_wait.total_seconds(),
        "repeat_interval_seconds": plan.repeat_interval.total_seconds(),
        "resolve_after_seconds": plan.resolve_after.total_seconds(),
        "escalation": [
            {"after": float(step.after), "destinations": list(step.destinations)} for step in plan.escalation
        ],
        "path": [
            {
                "route": visit.route.place,
                "taken": visit.taken,
                "tells": visit.tells,
                "why": visit.why(answer.labels),
            }
            for visit in plan.path
        ],
        "warnings": list(answer.warnings),
        "at": answer.at,
        "response": {
            "contract_digest": WrittenContract.of(answer.response.contract).digest,
            "within": response_time_name(answer.response.target),
            "due": answer.response.due,
            "warned_at": [answer.response.moment_of(share) for share in (0.5, 0.75, 0.9)],
        },
        "customer": {name: list(actions) for name, actions in answer.customer.items()},
        "silence": answer.silence.name if answer.silence else None,
        "silenced_until": answer.silence.until(answer.at) if answer.silence else None,
        "silences_later": [silence.name for silence in answer.later],
        "depends_on": list(answer.needs),
        "inhibit": [
            {
                "source": [str(matcher) for matcher in rule.source],
                "target": [str(matcher) for matcher in rule.target],
                "equal": list(rule.equal),
            }
            for rule in answer.rules
        ],
    }
