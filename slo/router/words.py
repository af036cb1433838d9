"""Words for events, as the log has them."""

from slo.core.contract_events import ContractEnded, ContractRecorded
from slo.core.events import (
    Acknowledged,
    Assigned,
    Attributed,
    ChatEnded,
    Deed,
    Event,
    FiringChanged,
    Muted,
    Noted,
    Opened,
    PageCleared,
    Paged,
    Promised,
    PromiseMissed,
    Raised,
    Reminded,
    Reminder,
    Reprioritized,
    Resolved,
    ResponseMissed,
    ResponseWarned,
    SentDirectly,
    TicketNotUpdated,
    Told,
    Unmuted,
    WaitBegan,
    WaitEnded,
)
from slo.core.exclusion_events import ExclusionAdded, ExclusionWithdrawn
from slo.core.restored import Restored
from slo.core.silence_events import SilenceAdded, SilenceExpired
from slo.router.summary import one_line, promised


def told(event: Event) -> str:
    """An event in a few words."""
    match event:
        case Opened(priority=priority, summary=summary, by=by, muted=muted):
            silent = f" (nobody is told: {muted})" if muted else ""
            return f"{priority} opened{f' by {by}' if by else ''}{silent}: {summary}"
        case Paged(key=key, told=to):
            return f"page under {key} for {', '.join(to) or 'nobody'}"
        case Raised(priority=priority, why=why):
            return f"raised to {priority}: {why}"
        case FiringChanged(firing=firing):
            pairs = ", ".join(f"{pair.severity} {pair.name}" for pair in sorted(firing))
            return f"firing: {pairs or 'nothing'}"
        case PageCleared(key=key):
            return f"page cleared under {key}"
        case Resolved(by=by, why=why):
            return f"resolved{f' by {by}' if by else ''}: {why}"
        case SentDirectly(destination=destination, key=key):
            return f"sent to {destination} under {key} without the journal"
        case ExclusionAdded() | ExclusionWithdrawn() | SilenceAdded() | SilenceExpired() | Restored():
            return _agreed(event)
        case ContractRecorded() | ContractEnded():
            return _promised_to(event)
        case Reminder() | Told() | Muted() | Unmuted():
            return _watched(event)
        case Deed():
            return f"{event.by} {_done(event)}{f' via {event.via}' if event.via else ''}"
    raise TypeError(f"no words for {type(event).__name__}")


def _agreed(event: ExclusionAdded | ExclusionWithdrawn | SilenceAdded | SilenceExpired | Restored) -> str:
    match event:
        case Restored(by=by, made_at=made_at):
            return f"{by} put the journal back as it was at {made_at:%Y-%m-%dT%H:%M:%SZ}"
        case ExclusionAdded(name=name, by=by, reason=reason):
            return f"{by} excludes time as {name}: {reason}"
        case ExclusionWithdrawn(name=name, by=by, why=why):
            return f"{by} takes the exclusion {name} back{_because(why)}"
        case SilenceAdded(name=name, by=by, matchers=matchers, reason=reason):
            return f"{by} silences {', '.join(matchers)} as {name}: {reason}"
        case SilenceExpired(name=name, by=by, why=why):
            return f"{by} ends the silence {name}{_because(why)}"


def _promised_to(event: ContractRecorded | ContractEnded) -> str:
    match event:
        case ContractRecorded(customer=customer, digest=digest, contract=written):
            whose = f"the contract of {customer}" if customer else "the usual contract"
            times = ", ".join(f"{priority} {time}" for priority, time in written.response.items())
            cited = f", by {written.agreement}" if written.agreement else ""
            return f"{whose} is {digest[:12]} from now on: {times}; business days of {written.zone}{cited}"
        case ContractEnded(customer=customer):
            return f"{customer} has no contract of its own any more"


def _watched(event: Reminder | Told | Muted | Unmuted) -> str:
    match event:
        case ResponseWarned(share=share, due=due, paged=paged, told=to):
            return f"{share:.0%} of the response time has gone, due {due:%Y-%m-%dT%H:%M:%SZ}{_also(paged + to)}"
        case ResponseMissed(due=due, paged=paged, told=to):
            return f"nobody has answered by {due:%Y-%m-%dT%H:%M:%SZ}: the contract is broken{_also(paged + to)}"
        case PromiseMissed(what=what, promised_at=promised_at):
            return f"the {what} that was promised for {promised_at:%Y-%m-%dT%H:%M:%SZ} has not come"
        case TicketNotUpdated(chat_ended_at=ended):
            return f"the chat ended at {ended:%Y-%m-%dT%H:%M:%SZ}, and the ticket was not updated"
        case Reminded():
            return "still open, and nobody has taken it on"
        case Told(told=to, paged=paged):
            return f"told to {', '.join((*paged, *to)) or 'the customer otherwise'} as well"
        case Muted(why=why):
            return f"nobody is told: {why}"
        case Unmuted():
            return "people are told again"
    raise TypeError(f"no words for {type(event).__name__}")


def _also(destinations: tuple[str, ...]) -> str:
    return f"; told to {', '.join(destinations)} from now on as well" if destinations else ""


def _done(event: Deed) -> str:
    match event:
        case Acknowledged():
            return "acknowledged"
        case Noted(text=text):
            return f"said: {one_line(text)}"
        case Promised(eta=eta, text=text):
            return f"promised: {promised(eta)}{_because(one_line(text))}"
        case Reprioritized(priority=priority, why=why):
            return f"made it {priority}{_because(why)}"
        case WaitBegan(why=why):
            return f"waits for the customer{_because(why)}"
        case WaitEnded(why=why):
            return f"waits no longer for the customer{_because(why)}"
        case Assigned(owner=owner):
            return f"gave it to {owner}"
        case Attributed(responsibility=responsibility, why=why):
            return f"says that {responsibility.words}{_because(why)}"
        case ChatEnded():
            return "ended the chat"
    raise TypeError(f"no words for {type(event).__name__}")


def _because(why: str) -> str:
    return f": {why}" if why else ""
