"""Reads files of OpenSLO, all of them together, so that one may refer to what is in another."""

from collections.abc import Sequence
from pathlib import Path

from slo.config.wrong import shown
from slo.errors import ConfigError
from slo.interop.documents import Document, Notes, read_documents
from slo.interop.imported import Entry, Import
from slo.interop.openslo.alerting import Policies
from slo.interop.openslo.indicator import Indicators
from slo.interop.openslo.objects import Objects, read_description, read_metadata
from slo.interop.openslo.slo import SLOs
from slo.interop.openslo.sources import Sources
from slo.interop.openslo.v1alpha import AlphaSLOs
from slo.interop.passage import NO_COUNTERPART, GivenOnce, Passage
from slo.interop.server import Server

_VERSION, _ALPHA = "openslo/v1", "openslo/v1alpha"
_KINDS = {
    _VERSION: ("SLO", "SLI", "DataSource", "Service", "AlertPolicy", "AlertCondition", "AlertNotificationTarget"),
    _ALPHA: ("SLO", "Service"),
}

_UNFOUND = "is left out: no SLO refers to it"


def import_openslo(paths: Sequence[Path], *, server: Server) -> Import:
    """The SLOs of these files; `server` is asked for what names no data source. Raises ConfigError with every fault."""
    notes = Notes()
    reading = read_documents(paths, notes, lenient=False)
    tops = [Passage(document) for document in reading.documents if _is_ours(document)]
    objects = Objects()
    fresh = [top for top in tops if objects.add(top.text("kind"), top.document)]
    sources = Sources(objects, server)
    for top in tops:
        if top.text("kind") == "DataSource":
            sources.add(top)
    indicators, policies = Indicators(objects, sources), Policies(objects)
    slos, alpha_slos = SLOs(indicators, policies, notes), AlphaSLOs(server.name, notes)
    names = GivenOnce("the name of another SLO")
    entries: list[Entry] = []
    for top in tops:
        if top.text("kind") == "SLO":
            read = list((alpha_slos if top.text("apiVersion") == _ALPHA else slos).read(top))
            entries += read
            for entry in read if top in fresh else ():
                names.add(entry.name, top.below("metadata"), "name")
        elif top.text("kind") == "Service":
            _read_service(top)
        elif top.text("kind") == "AlertNotificationTarget":
            policies.read_target(top)
            top.note("", NO_COUNTERPART, "write destinations and routes for those who are told")
    _note_unfound(objects, indicators, policies)
    faults = reading.all_faults()
    if faults:
        raise ConfigError(faults)
    return Import.of(entries, servers=sources.servers, notes=notes)


def _is_ours(document: Document) -> bool:
    """Whether a document is an object of OpenSLO; what else it is, is told."""
    top = Passage(document)
    version = top.text("apiVersion", required=True)
    if version in _KINDS:
        top.knows("apiVersion", "kind", "metadata", "spec")
        return bool(top.choice("kind", _KINDS[version], required=True))
    if version.startswith("sloth.slok.dev/") or top.has("version"):
        top.tell("", "is of Sloth", "use `watchkeep import sloth` for it")
    elif version:
        top.tell("apiVersion", f"is {shown(version)}", f"write {_VERSION} or {_ALPHA}")
    return False


def _read_service(top: Passage) -> None:
    """A service, which is a label of SLOs here, and nothing more."""
    read_metadata(top)
    spec = top.below("spec")
    spec.knows("description")
    read_description(spec)


def _note_unfound(objects: Objects, indicators: Indicators, policies: Policies) -> None:
    """Read what no SLO refers to: it may be wrong all the same."""
    for top in objects.unfound("SLI"):
        indicators.read_object(top)
        top.note("", _UNFOUND, "name it in one")
    for top in objects.unfound("AlertPolicy"):
        policies.read_policy(top)
        top.note("", _UNFOUND, "name it in one")
    for top in objects.unfound("AlertCondition"):
        policies.read_condition(top)
        top.note("", _UNFOUND, "name it in a policy")
    for top in objects.unfound("DataSource"):
        top.note("", _UNFOUND, "name it in an SLI")
