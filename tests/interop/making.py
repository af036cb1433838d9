"""Files of others for tests, and what is said of them."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from slo.core.slo import SLO
from slo.errors import ConfigError
from slo.interop.imported import Import
from slo.interop.openslo.files import import_openslo
from slo.interop.server import Server
from slo.interop.sloth.files import import_sloth

SERVER = Server(name="prometheus", url="http://127.0.0.1:9090", assumed=True)
FORMS = {"sloth": import_sloth, "openslo": import_openslo}


def imported(form: str, text: str, folder: Path) -> Import:
    """What a file with this text is imported as."""
    file = folder / "in.yaml"
    file.write_text(text, encoding="utf-8")
    return FORMS[form]([file], server=SERVER)


def refusals(form: str, text: str, folder: Path) -> list[str]:
    """The faults of such a file, as `line:column: path: problem; mend`."""
    try:
        imported(form, text, folder)
    except ConfigError as error:
        return [str(fault).removeprefix(f"{folder}/in.yaml:") for fault in error.faults]
    return []


def notes(form: str, text: str, folder: Path) -> list[str]:
    """What is noted of such a file, in the same way."""
    return [str(note).removeprefix(f"{folder}/in.yaml:") for note in imported(form, text, folder).warnings]


def changed(text: str, old: str, new: str) -> str:
    """The text with one thing in it changed."""
    assert text.count(old) == 1, old
    return text.replace(old, new)


def unfed(slos: Iterable[SLO]) -> tuple[SLO, ...]:
    """The SLOs but for how often they are fed: that a configuration knows, and what is imported does not."""
    return tuple(replace(slo, interval=None) for slo in slos)
