"""Reads one SLO of Sloth."""

import re
from fractions import Fraction

from slo.config.identity import NAME_PATTERN
from slo.core.sli import PrometheusSLI
from slo.core.slo import SLO
from slo.interop.fitting import Fitting, fitted_pairs
from slo.interop.indicator import Expression, sli_of, sli_of_ratio
from slo.interop.labels import kept_labels, with_service
from slo.interop.passage import NO_COUNTERPART, Passage
from slo.interop.sloth.alerting import read_alerting
from slo.interop.sloth.group import IN_RESOURCES, Group, read_labels, read_name, read_plugins

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
    kept = with_service(labels, {**group.labels, **kept_labels(labels, read_labels(labels))}, group.service)
    for key in group.spelling.more:
        passage.lose(key, _RULES)
    sli = _sli(passage.below("sli", required=True), group)
    waits = read_plugins(passage.below("plugins")) or group.waits
    pairs = read_alerting(passage.below("alerting", required=True), group, waits=waits)
    if sli is None or objective is None or not name or not group.service:
        return None
    full_name = f"{group.service}-{name}"
    if not re.fullmatch(NAME_PATTERN, full_name):
        passage.note("name", f"{NO_COUNTERPART}: {full_name} has more than 100 characters", "shorten it")
        return None
    fitting = Fitting(objective=objective, window=group.windows.period, server=group.server)
    if refusal := fitting.refusal():
        passage.note("objective", f"{NO_COUNTERPART}: it {refusal.problem}", refusal.mend)
        return None
    fitted = fitted_pairs(pairs, passage, "alerting", fitting=fitting, otherwise=group.windows.pairs)
    if not fitted:
        return None
    return SLO(
        name=full_name,
        objective=objective,
        window=group.windows.period,
        sli=sli.key,
        definition=sli,
        pairs=fitted,
        labels=kept,
        description=description,
    )


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
        sli.tell("", f"has {' and '.join(written)}" if written else "is empty", "write one of events, raw and plugin")
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
        events.tell(error.key, "is the same as the total", "write what counts bad events alone")
        return None
    return sli_of(error, "bad", total, server=group.server)


def _expression(passage: Passage, key: str) -> Expression | None:
    text = passage.text(key, required=True)
    if not text:
        return None
    if not _WINDOW.search(text):
        passage.tell(key, "has no {{.window}}", "write the range as [{{.window}}], which Sloth fills in")
        return None
    return Expression(passage=passage, key=key, text=text, must_be=True)
