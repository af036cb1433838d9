"""One incident as people read it: its evidence, its timeline, and what was sent about it."""

from collections.abc import Sequence
from datetime import datetime

from slo.cli.figures import STATUS_TONES, Document, fires, slo_of
from slo.cli.output import Cell, Lines, Part, Table, Tone
from slo.core.acts import Responsibility
from slo.web.words import contract_words, minute, percent


def incident_parts(incident: Document) -> list[Part]:
    """One incident with its evidence, its timeline and what was sent about it."""
    evidence = incident["evidence"]
    reason = ": ".join(part for part in (evidence["reason"], evidence["detail"]) if part)
    why = " at ".join(part for part in (reason, evidence["target"]) if part)
    figures = (
        ""
        if evidence["objective"] is None
        else (
            f"SLI {percent(evidence['sli'])} of {percent(evidence['objective'])} over {evidence['window']}, "
            f"budget left {percent(evidence['remaining'], digits=1)}, "
            f"coverage {percent(evidence['coverage'], digits=1)}"
        )
    )
    parts: list[Part] = [
        Cell(f"{incident['priority']} {incident['status']}: {incident['summary']}", STATUS_TONES[incident["status"]]),
        _identity(incident),
        _times(incident),
    ]
    if circumstances := incident["circumstances"]:
        parts.append(_priority(incident, circumstances))
    if figures:
        parts.append(f"{figures}; last bad outcome: {why}." if why else f"{figures}.")
    if report := evidence["report"]:
        parts.append(f"Reported: {report['description'] or report['summary']}")
        links = (("Runbook", report["runbook_url"]), ("Where the alert comes from", report["source_url"]))
        parts += [f"{name}: {url}" for name, url in links if url]
    parts += _work(incident)
    parts += [Cell(f"NOT TOLD: {refusal}", Tone.DOWN) for refusal in incident["refused"]]
    if incident["labels"]:
        parts.append("Labels: " + ", ".join(f"{name}={value}" for name, value in incident["labels"].items()))
    parts.append(
        Table(
            title="Timeline",
            columns=("number", "at", "event", "what"),
            rows=[(str(e["number"]), _when(e["at"]), e["event"], Lines(told(e))) for e in incident["events"]],
            numeric=frozenset({"number"}),
        )
    )
    if incident["deliveries"]:
        parts.append(
            Table(
                title="Deliveries",
                columns=("destination", "action", "state", "attempts", "last reason", "next attempt"),
                rows=[_delivery_row(delivery) for delivery in incident["deliveries"]],
                numeric=frozenset({"attempts"}),
            )
        )
    return parts


def _identity(incident: Document) -> str:
    """Which incident it is, what it is about, and since when."""
    opened = f"opened {_when(incident['opened_at'])}"
    if incident["opened_by"]:
        return f"Incident {incident['id']}, {opened} by {incident['opened_by']}."
    return f"Incident {incident['id']} of SLO {slo_of(incident)}, {opened}; {fires(incident['firing'])}."


def _times(incident: Document) -> str:
    """When it was found, by whom, and since when it is over."""
    mitigated, resolved = incident["mitigated_at"], incident["resolved_at"]
    said = [
        f"Detected {_when(incident['detected_at'])} by the {incident['found_by']}",
        f"mitigated {_when(mitigated)}" if mitigated else "not mitigated yet",
    ]
    if resolved:
        said.append(f"resolved {_when(resolved)} by {incident['resolved_by'] or 'the watch'}")
    return ", ".join(said) + _because(incident["resolved_why"] or "") + "."


def _priority(incident: Document, circumstances: Document) -> str:
    """What the priority followed from, when it opened."""
    inputs = [
        f"{circumstances['environment']} environment",
        f"{circumstances['impact'].replace('_', ' ')} impact",
        "a workaround" if circumstances["workaround"] else "no workaround",
        *(["a security issue"] if circumstances["security"] else []),
    ]
    return f"{incident['priority']}; it opened with {', '.join(inputs)}."


def _work(incident: Document) -> list[Part]:
    """Who works on it, and what was promised to whom."""
    parts: list[Part] = []
    if incident["muted"]:
        parts.append(Cell(f"Nobody is told: {incident['muted']}.", Tone.BURNING))
    if response := incident["response"]:
        parts.append(_response(incident, response))
    elif incident["responded_at"]:
        parts.append(f"Answered at {_when(incident['responded_at'])} by {incident['responded_by']}.")
    if contract := incident["contract"]:
        parts.append(f"Contract: {contract_words(contract)}.")
    if incident["eta"]:
        parts.append(f"Promised: {expected(incident['eta'])}.")
    parts += [
        f"Promised before, at {_when(each['at'])} by {each['by']}: {expected(each['eta'])}."
        for each in reversed(incident["etas"][:-1])
    ]
    about = [
        f"owner {incident['owner']}" if incident["owner"] else "",
        Responsibility(incident["responsibility"]).words if incident["responsibility"] else "",
        "waits for the customer" if incident["waiting"] else "",
        f"affects {', '.join(incident['services'])}" if incident["services"] else "",
    ]
    sentence = ", ".join(filter(None, about))
    return [*parts, f"{sentence[0].upper()}{sentence[1:]}."] if sentence else parts


def _response(incident: Document, response: Document) -> Part:
    """Whether somebody answered in time."""
    promise = f"due {_when(response['due'])}, within {response['within']}"
    if incident["responded_at"] is None:
        if response["missed_at"]:
            return Cell(f"NOBODY HAS ANSWERED: a response was {promise}.", Tone.DOWN)
        return Cell(f"Nobody has answered yet: a response is {promise}.", Tone.BURNING)
    answered = f"Answered at {_when(incident['responded_at'])} by {incident['responded_by']}"
    return Cell(f"{answered}, TOO LATE: {promise}.", Tone.DOWN) if response["missed_at"] else f"{answered}: {promise}."


def told(event: Document) -> str:
    """One event of a timeline in a few words."""
    match event["event"]:
        case "opened":
            muted = f" (nobody is told: {event['muted']})" if event.get("muted") else ""
            return f"{event['priority']}: {event['summary']}{muted}"
        case "firing_changed":
            return fires(event["firing"])
        case "raised":
            return f"to {event['priority']}: {event['why']}"
        case "paged":
            return f"generation {event['generation']}, key {event['key']}"
        case "page_cleared":
            return f"key {event['key']}"
        case "resolved":
            return f"by {event['by'] or 'the watch'}" + _because(event["why"])
        case (
            "response_warned"
            | "response_missed"
            | "promise_missed"
            | "ticket_not_updated"
            | "muted"
            | "unmuted"
            | "told"
        ):
            return _watched(event)
        case "sent_directly":
            return f"to {event['destination']}, while the journal could not be written"
    return f"by {event['by']}{_of_deed(event)}" if event.get("by") else ""


def _watched(event: Document) -> str:
    """What the watch said by itself."""
    match event["event"]:
        case "response_warned":
            return f"{event['share']:.0%} of the response time has gone, due {_when(event['due'])}" + _also(event)
        case "response_missed":
            return f"nobody has answered by {_when(event['due'])}" + _also(event)
        case "promise_missed":
            return f"the {event['what']} that was promised for {_when(event['promised_at'])} has not come"
        case "ticket_not_updated":
            return f"the chat ended at {_when(event['chat_ended_at'])}, and the ticket was not updated"
        case "muted":
            return f"nobody is told: {event['why']}"
        case "unmuted":
            return "people are told again"
    return f"to {', '.join([*event['paged'], *event['told']]) or 'the customer otherwise'} as well"


def _also(event: Document) -> str:
    destinations = [*event["paged"], *event["told"]]
    return f"; told to {', '.join(destinations)} from now on as well" if destinations else ""


def expected(eta: Document) -> str:
    """`recovery at ..., medium confidence, next update by ...`."""
    recovery = f"recovery at {_when(eta['recover_at'])}" if eta["recover_at"] else "recovery not known yet"
    update = f", next update by {_when(eta['next_update_at'])}" if eta["next_update_at"] else ""
    return f"{recovery}, {eta['confidence']} confidence{update}"


def _of_deed(event: Document) -> str:
    """What a person did, behind who it was."""
    match event["event"]:
        case "acknowledged":
            return f" via {event['via']}"
        case "noted":
            return f": {event['text']}"
        case "promised":
            return f": {expected(event['eta'])}" + _because(event["text"])
        case "reprioritized":
            return f", to {event['priority']}: {event['why']}"
        case "assigned":
            return f", to {event['owner']}"
        case "attributed":
            return f": {Responsibility(event['responsibility']).words}" + _because(event["why"])
    return _because(event.get("why", ""))


def _delivery_row(delivery: Document) -> Sequence[str | Cell]:
    state = delivery["state"]
    return (
        delivery["destination"],
        delivery["action"],
        Cell(state, Tone.DOWN) if state == "refused" else state,
        str(delivery["attempts"]),
        ": ".join(part for part in (delivery["last_reason"], delivery["last_detail"]) if part),
        _when(delivery["not_before"]) if delivery["not_before"] else "",
    )


def _because(why: str) -> str:
    return f": {why}" if why else ""


def _when(text: str) -> str:
    return minute(datetime.fromisoformat(text))
