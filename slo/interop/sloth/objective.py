"""Reads one SLO of Sloth."""

import re
from fractions import Fraction

from slo.core.sli import PrometheusSLI
from slo.core.slo import SLO
from slo.interop.indicator import Expression, sli_of, sli_of_ratio
from slo.interop.labels import kept_labels, with_service
from slo.interop.passage import NO_COUNTERPART, Passage, Spot
from slo.interop.sloth.alerting import read_alerting
from slo.interop.sloth.group import IN_RESOURCES, Group, read_labels, read_name, read_plugins
from slo.interop.wanted import Wanted

_WINDOW = re.compile(r"\{\{ *\.window *\}\}")
_LONGEST_NAME = 128
"""How long the name of an SLO may be in the resource."""

_RULES = "it shapes the rules that Sloth writes, and there are none here"


def read_objective(passage: Passage, group: Group) -> SLO | None:
    """The SLO; None where it has no counterpart, which was noted, or is refused, which was told."""
    passage.knows("name", "description", "objective", "labels", "sli", "alerting", "plugins", *group.spelling.more)
    name = read_name(passage, "name")
    if group.spelling is IN_RESOURCES and len(name) > _LONGEST_NAME:
        passage.tell("name", f"has {len(name)} characters", f"write at most {_LONGEST_NAME}")
    objective = _share(passage)
    description = passage.text("description")
    labels = passage.below("labels")
    own = with_service(labels, kept_labels(labels, read_labels(labels, group.spelling)), group.service)
    for key in group.spelling.more:
        passage.lose(key, _RULES)
    sli = _sli(passage.below("sli", required=True), group)
    waits = read_plugins(passage.below("plugins")) or group.waits
    pairs = read_alerting(passage.below("alerting", required=True), group, waits=waits)
    if sli is None or objective is None or not name or not group.service:
        return None
    promise = Spot(passage, "objective")
    return Wanted(
        name=f"{group.service}-{name}",
        objective=objective,
        window=group.windows.period,
        sli=sli,
        server=group.server,
        pairs=pairs,
        otherwise=group.windows.pairs,
        labels={**group.labels, **own},
        description=description,
        spots={
            "name": Spot(passage, "name"),
            "objective": promise,
            "window": promise,
            "alerts": Spot(passage, "alerting"),
        },
    ).fitted()


def _share(passage: Passage) -> Fraction | None:
    percent = passage.number("objective", required=True)
    if percent is None:
        return None
    if not 0 < percent <= 100:
        passage.tell("objective", "is no percentage above 0 and up to 100", "write it as 99.9")
        return None
    return percent / 100


def _sli(sli: Passage, group: Group) -> PrometheusSLI | None:
    sli.knows("events", "raw", "plugin")
    written = [kind for kind in ("events", "raw", "plugin") if sli.has(kind)]
    if sli.is_there and len(written) != 1:
        sli.tell(
            "",
            f"has {' and '.join(written)}" if written else "names nothing that is measured",
            "write one of events, raw and plugin",
        )
    elif "events" in written:
        return _of_events(sli.below("events"), group)
    elif "raw" in written:
        raw = sli.below("raw")
        raw.knows(group.spelling.ratio)
        ratio = _expression(raw, group.spelling.ratio)
        return sli_of_ratio(ratio, of_errors=True, server=group.server) if ratio else None
    elif "plugin" in written:
        plugin = sli.below("plugin")
        plugin.knows("id", "options")
        plugin.text("id", required=True)
        sli.note("plugin", f"{NO_COUNTERPART}: a program writes its query", "write the query out, under events or raw")
    return None


def _of_events(events: Passage, group: Group) -> PrometheusSLI | None:
    keys = (group.spelling.error, group.spelling.total)
    events.knows(*keys)
    error, total = (_expression(events, key) for key in keys)
    if error is None or total is None:
        return None
    if error.text == total.text:
        error.spot.tell("is the same as the total", "write what counts bad events alone")
        return None
    return sli_of(error, "bad", total, server=group.server)


def _expression(passage: Passage, key: str) -> Expression | None:
    text = passage.text(key, required=True)
    if not text:
        return None
    if not _WINDOW.search(text):
        passage.tell(key, "has no {{.window}}", "write the range as [{{.window}}], which Sloth fills in")
        return None
    return Expression(spot=Spot(passage, key), text=text, must_be=True)
