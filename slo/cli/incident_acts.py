"""What `watchkeep incident` does to incidents: each command becomes the body of one request of the API."""

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import click

from slo.cli.client import understood, watch_options
from slo.cli.figures import incident_table
from slo.cli.incidents import incidents_at
from slo.cli.output import emit, json_option, warn
from slo.cli.person import person, person_option
from slo.errors import UsageError

Keys = dict[str, object]

ACTS: list[click.Command] = []
"""Every command of this module."""


def _acting(name: str) -> Callable[[Callable[..., Keys]], click.Command]:
    """Make a command that acts on one incident of what gives the keys of the request from the command's options."""

    def decorate(keys_of: Callable[..., Keys]) -> click.Command:
        @functools.wraps(keys_of)
        def run(
            incident: str,
            by: str | None,
            url: str | None,
            token_file: Path | None,
            data: Path | None,
            *,
            as_json: bool,
            **own: object,
        ) -> None:
            keys = {**keys_of(**own), "by": person(by), "via": "cli"}
            with incidents_at(url, token_file, data) as incidents:
                document = incidents.act(incident, keys)
                table = understood(incidents.where, lambda: incident_table([document]))
            unchanged = document.get("unchanged")
            said = [f"Nothing has changed: {unchanged}."] if unchanged else []
            emit(document, table, *said, as_json=as_json)

        options = click.argument("incident", metavar="ID")(person_option(watch_options(json_option(run))))
        made = click.command(name=name)(options)
        ACTS.append(made)
        return made

    return decorate


_why = click.option("--why", default="", help="What the timeline says about it.")


@click.command(name="open")
@click.argument("summary")
@click.option("--customer", default="", help="Whose service it is.")
@click.option("--environment", default="", help="Which environment of theirs.")
@click.option(
    "--impact",
    type=click.Choice(["severe", "partial", "blocks_promotion", "minor"]),
    default="partial",
    show_default=True,
    help="How bad it is for those who use the service.",
)
@click.option("--workaround", is_flag=True, help="There is a workaround.")
@click.option("--security", is_flag=True, help="It is a security issue: a P0 everywhere.")
@click.option("--found-by", type=click.Choice(["provider", "customer"]), default="provider", show_default=True)
@click.option("--service", "services", multiple=True, metavar="NAME", help="What is affected; may be repeated.")
@click.option(
    "--since", "created_at", metavar="TIME", help="When it was reported, as 2026-03-01T02:00:00Z: clocks run from then."
)
@person_option
@watch_options
@json_option
def open_incident(
    summary: str,
    services: Sequence[str],
    by: str | None,
    url: str | None,
    token_file: Path | None,
    data: Path | None,
    *,
    as_json: bool,
    **circumstances: object,
) -> None:
    """Open an incident for an issue that a person found; its clocks run as for any other."""
    keys: Mapping[str, object] = {
        **circumstances,
        "summary": summary,
        "services": list(services),
        "by": person(by),
        "via": "cli",
    }
    with incidents_at(url, token_file, data) as incidents:
        document = incidents.open(keys)
        table = understood(incidents.where, lambda: incident_table([document]))
        warnings = understood(incidents.where, lambda: list(document["warnings"]))
    emit(document, table, as_json=as_json)
    warn(warnings)


ACTS.append(open_incident)


@_acting("ack")
def acknowledge() -> Keys:
    """Take an incident on; everybody who was told of it is told so."""
    return {"action": "acknowledge"}


@_acting("note")
@click.argument("text")
def note(text: str) -> Keys:
    """Say something for the ticket; everybody who was told of the incident is told so."""
    return {"action": "note", "text": text}


@_acting("eta")
@click.option("--in", "recover_in", metavar="LENGTH", help="It will have recovered in so long, as 45m.")
@click.option("--at", "recover_at", metavar="TIME", help="It will have recovered then, as 2026-03-01T02:00:00Z.")
@click.option("--unknown", is_flag=True, help="Nobody knows yet.")
@click.option(
    "--confidence",
    type=click.Choice(["low", "medium", "high"]),
    default="medium",
    show_default=True,
    help="How sure you are.",
)
@click.option("--next-update", "next_update_in", metavar="LENGTH", help="You will say more in so long at the latest.")
@click.option("--text", default="", help="What else there is to say.")
def eta(
    recover_in: str | None,
    recover_at: str | None,
    confidence: str,
    next_update_in: str | None,
    text: str,
    *,
    unknown: bool,
) -> Keys:
    """Say when the service will have recovered, and when you will say more."""
    if sum(map(bool, (recover_in, recover_at, unknown))) != 1:
        raise UsageError("say one of --in LENGTH, --at TIME and --unknown")
    keys: Keys = {"action": "eta", "confidence": confidence, "text": text}
    own = {"recover_in": recover_in, "recover_at": recover_at, "next_update_in": next_update_in}
    return keys | {name: value for name, value in own.items() if value is not None}


@_acting("resolve")
@_why
def resolve(why: str) -> Keys:
    """Declare an incident over; everybody who was told of it is told so."""
    return {"action": "resolve", "why": why}


@_acting("priority")
@click.argument("priority", type=click.Choice(["P0", "P1", "P2"]))
@click.option("--why", required=True, help="The reason, for the audit.")
def prioritize(priority: str, why: str) -> Keys:
    """Override the priority of an incident, for a reason. A P0 pages."""
    return {"action": "prioritize", "priority": priority, "why": why}


@_acting("wait")
@_why
def wait(why: str) -> Keys:
    """Wait for the customer: pauses the clock of a P1 or P2 that was answered."""
    return {"action": "wait", "why": why}


@_acting("go-on")
@_why
def go_on(why: str) -> Keys:
    """Go on after the customer has answered."""
    return {"action": "go_on", "why": why}


@_acting("assign")
@click.argument("owner")
def assign(owner: str) -> Keys:
    """Give an incident an owner."""
    return {"action": "assign", "owner": owner}


@_acting("attribute")
@click.argument("responsibility", type=click.Choice(["provider", "customer", "third_party"]))
@_why
def attribute(responsibility: str, why: str) -> Keys:
    """Say whose part of the service failed."""
    return {"action": "attribute", "responsibility": responsibility, "why": why}


@_acting("end-chat")
def end_chat() -> Keys:
    """Say that the chat about an incident is over: its ticket has to be updated now."""
    return {"action": "end_chat"}
