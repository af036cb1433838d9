"""Reads files of Sloth, all of them together."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

from slo.config.wrong import shown
from slo.errors import ConfigError
from slo.interop.documents import Document, Notes, read_documents
from slo.interop.imported import Entry, Import
from slo.interop.passage import GivenOnce, Passage
from slo.interop.server import Server
from slo.interop.sloth.group import IN_FILES, IN_RESOURCES, Spelling, read_group
from slo.interop.sloth.objective import read_objective
from slo.interop.sloth.windows import DEFAULT_WINDOWS, AlertWindows, chosen_windows, read_windows

_VERSION = "prometheus/v1"
_API = "sloth.slok.dev/v1"
_RESOURCE, _WINDOWS = "PrometheusServiceLevel", "AlertWindows"


def import_sloth(paths: Sequence[Path], *, server: Server, period: timedelta | None = None) -> Import:
    """The SLOs of these files, asked of `server`. Raises ConfigError with every fault, or UsageError.

    `period` is what they are promised over; without one, that of the only file of windows, or 30 days.
    """
    notes = Notes()
    reading = read_documents(paths, notes, lenient=True)
    sorts = [(_sort(document), document) for document in reading.documents]
    catalogue = list(_catalogue([document for sort, document in sorts if sort == _WINDOWS]))
    windows = DEFAULT_WINDOWS if reading.all_faults() else chosen_windows(catalogue, period)
    names = GivenOnce("the name of another SLO")
    entries: list[Entry] = []
    for sort, document in sorts:
        if sort == _VERSION:
            entries += _entries(_of_file(document), IN_FILES, windows, server, names, notes)
        elif sort == _RESOURCE:
            entries += _entries(_of_resource(document), IN_RESOURCES, windows, server, names, notes)
    faults = reading.all_faults()
    if faults:
        raise ConfigError(faults)
    return Import.of(entries, servers={server.name: server}, notes=notes)


def _sort(document: Document) -> str:
    """What a document is: the version of a file, or the kind of a resource; empty where it is nothing of Sloth's."""
    top = Passage(document)
    if top.has("version"):
        return top.choice("version", (_VERSION,))
    api, kind = top.text("apiVersion"), top.text("kind")
    if api == _API and top.has("kind"):
        return top.choice("kind", (_RESOURCE, _WINDOWS))
    if api.startswith("openslo/"):
        top.tell("apiVersion", f"is {shown(api)}", "use `watchkeep import openslo` for it")
    elif top.is_there:
        problem = (
            f"is {shown(kind)} of {shown(api)}, which is nothing of Sloth's" if api or kind else "says not what it is"
        )
        top.tell("", problem, f"write `version: {_VERSION}`, or leave it out")
    return ""


def _catalogue(documents: Sequence[Document]) -> Iterator[AlertWindows]:
    once = GivenOnce("a period that there are alert windows for")
    for document in documents:
        windows = read_windows(document)
        if windows:
            spec = Passage(document).below("spec")
            once.add(spec.text("sloPeriod"), spec, "sloPeriod")
            yield windows


def _of_file(document: Document) -> Passage:
    top = Passage(document)
    top.knows("version", "service", "labels", IN_FILES.plugins, "slos")
    return top


def _of_resource(document: Document) -> Passage:
    top = Passage(document)
    top.knows("apiVersion", "kind", "metadata", "spec", "status")
    top.lose("metadata", "SLOs are named after their service and themselves")
    spec = top.below("spec", required=True)
    spec.knows("service", "labels", IN_RESOURCES.plugins, "slos")
    return spec


def _entries(
    spec: Passage, spelling: Spelling, windows: AlertWindows, server: Server, names: GivenOnce, notes: Notes
) -> Iterator[Entry]:
    group = read_group(spec, spelling, windows, server.name)
    for passage in spec.items("slos", required=True):
        count = len(notes)
        slo = read_objective(passage, group)
        name = f"{group.service}-{passage.text('name')}"
        names.add(name, passage, "name")
        yield Entry(origin=passage.place, name=name, slo=slo, notes=notes.since(count))
