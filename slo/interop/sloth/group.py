"""What the SLOs of one document of Sloth share, and how its keys are spelled."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from slo.interop.labels import kept_labels, with_service
from slo.interop.passage import Passage
from slo.interop.sloth.windows import AlertWindows

_NAME = re.compile(r"[A-Za-z0-9][-A-Za-z0-9_.]*[A-Za-z0-9]")
_ALERT_FOR = "sloth.dev/contrib/alert_for/v1"
"""The plugin that makes alerts wait; without it Sloth reads over `for`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Spelling:
    """How keys of several words are spelled. `more` are keys of an SLO that are in this spelling only.

    `typed`: a label that is a number is refused, as by Kubernetes; Sloth itself takes it for a text.
    """

    plugins: str
    error: str
    total: str
    ratio: str
    page: str
    ticket: str
    hold: tuple[str, ...] = ()
    more: tuple[str, ...] = ()
    typed: bool = False


IN_FILES = Spelling(
    plugins="slo_plugins",
    error="error_query",
    total="total_query",
    ratio="error_ratio_query",
    page="page_alert",
    ticket="ticket_alert",
    hold=("for",),
    more=("infoLabels", "interval"),
)
IN_RESOURCES = Spelling(
    plugins="sloPlugins",
    error="errorQuery",
    total="totalQuery",
    ratio="errorRatioQuery",
    page="pageAlert",
    ticket="ticketAlert",
    typed=True,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """What the SLOs of a document share. `labels` are those that can be kept, `waits` whether `for` is heeded."""

    spelling: Spelling
    service: str
    labels: Mapping[str, str]
    waits: bool
    windows: AlertWindows
    server: str


def read_group(spec: Passage, spelling: Spelling, windows: AlertWindows, server: str) -> Group:
    """What stands beside `slos`."""
    labels = spec.below("labels")
    service = read_name(spec, "service")
    return Group(
        spelling=spelling,
        service=service,
        labels=with_service(labels, kept_labels(labels, read_labels(labels, spelling)), service),
        waits=read_plugins(spec.below(spelling.plugins)),
        windows=windows,
        server=server,
    )


def read_name(passage: Passage, key: str) -> str:
    """A name as Sloth takes it; empty where it is none, which has been told."""
    name = passage.text(key, required=True)
    if name and not _NAME.fullmatch(name):
        passage.tell(key, f"{name!r} is no name", "write two or more letters, digits, dots, dashes and underscores")
        return ""
    return name


def read_labels(labels: Passage, spelling: Spelling) -> Mapping[str, str]:
    """Labels as Sloth takes them: none is empty, and none is the name of a metric."""
    values = read_texts(labels, spelling)
    if "__name__" in values:
        labels.tell("__name__", "is the name of a metric", "give the label another name")
    return values


def read_texts(texts: Passage, spelling: Spelling) -> Mapping[str, str]:
    """Texts of which none is empty."""
    read = texts.text if spelling.typed else texts.words
    return {name: read(name, required=True) for name in texts.keys}


def read_plugins(plugins: Passage) -> bool:
    """Note the plugins of a chain; whether the one that makes alerts wait is among them."""
    plugins.knows("chain", "overridePrevious")
    chain = plugins.items("chain", required=plugins.truth("overridePrevious"))
    waits = False
    for plugin in chain:
        plugin.knows("id", "config", "priority")
        if plugin.text("id", required=True) == _ALERT_FOR:
            waits = True
        else:
            plugin.lose("id", "it shapes the rules that Sloth writes, and there are none here")
    return waits
