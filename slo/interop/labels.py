"""Labels of others, as far as they can be labels here."""

from collections.abc import Mapping

from slo.interop.passage import Passage
from slo.interop.values import LABEL, refusal

SERVICE = "service"


def kept_labels(labels: Passage, values: Mapping[str, str]) -> dict[str, str]:
    """The labels that can be kept; each other one is noted. `values` are what they have, as read from `labels`."""
    kept = {}
    for name, value in values.items():
        refused = refusal(name, LABEL)
        if refused:
            problem, mend = refused
            labels.document.note((*labels.at, name), f"is left out: {problem}", mend, of_key=True)
        else:
            kept[name] = value
    return kept


def with_service(labels: Passage, kept: Mapping[str, str], service: str) -> dict[str, str]:
    """The labels with the service among them; a label of that name that says something else is noted."""
    if kept.get(SERVICE, service) != service:
        labels.note(SERVICE, f"gives way to the service {service}", "give the label another name")
    return {SERVICE: service, **{name: value for name, value in kept.items() if name != SERVICE}}
