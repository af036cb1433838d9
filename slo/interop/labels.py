"""Labels of others, as far as they can be labels here."""

import re
from collections.abc import Mapping

from slo.config.identity import LABEL_PATTERN, RESERVED_LABELS
from slo.interop.passage import Passage

SERVICE = "service"


def kept_labels(labels: Passage, values: Mapping[str, str]) -> dict[str, str]:
    """The labels that can be kept; each other one is noted. `values` are what they have, as read from `labels`."""
    kept = {}
    for name, value in values.items():
        if not re.fullmatch(LABEL_PATTERN, name) or name.startswith("__"):
            _lose(labels, name, "is no name of a label here", "use letters, digits and underscores, as in cost_centre")
        elif name in RESERVED_LABELS:
            _lose(labels, name, "is a label that the watch sets itself", "give it another name")
        else:
            kept[name] = value
    return kept


def with_service(labels: Passage, kept: Mapping[str, str], service: str) -> dict[str, str]:
    """The labels with the service among them; a label of that name that says something else is noted."""
    if kept.get(SERVICE, service) != service:
        labels.note(SERVICE, f"gives way to the service {service}", "give the label another name")
    return {SERVICE: service, **{name: value for name, value in kept.items() if name != SERVICE}}


def _lose(labels: Passage, name: str, problem: str, mend: str) -> None:
    labels.document.note((*labels.at, name), problem, mend, of_key=True)
