"""Selectors of the Kubernetes API, for its stand-in: which objects a request means.

Reference: https://kubernetes.io/docs/concepts/overview/working-with-objects/field-selectors/ and .../labels/
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

Document = dict[str, Any]
Predicate = Callable[[Document], bool]

FIELDS: Mapping[str, Callable[[Document], str]] = {
    "metadata.name": lambda pod: pod["metadata"]["name"],
    "metadata.namespace": lambda pod: pod["metadata"]["namespace"],
    "spec.nodeName": lambda pod: pod["spec"].get("nodeName", ""),
    "status.phase": lambda pod: pod["status"].get("phase", ""),
}

_FIELD = re.compile(r"(?P<field>[^=!]+)(?P<operator>==|=|!=)(?P<value>[^=!]*)")
_REQUIREMENT = re.compile(
    r"\s*(?:(?P<absent>!)\s*(?P<without>[\w./-]+)"
    r"|(?P<label>[\w./-]+)\s*(?:(?P<operator>==|=|!=)\s*(?P<value>[\w.-]*)"
    r"|\s(?P<set>in|notin)\s*\((?P<values>[^()]*)\))?)\s*"
)


def field_selector(text: str) -> Predicate:
    """Raises ValueError in the words of the API server."""
    terms: list[Predicate] = []
    for term in text.split(",") if text else ():
        match = _FIELD.fullmatch(term)
        if match is None:
            raise ValueError(f"invalid selector: '{text}'; can't understand '{term}'")
        if match["field"] not in FIELDS:
            raise ValueError(f"field label not supported: {match['field']}")
        terms.append(_equals(FIELDS[match["field"]], match["value"], negated=match["operator"] == "!="))
    return lambda document: all(term(document) for term in terms)


def label_selector(text: str) -> Predicate:
    """Raises ValueError."""
    terms: list[Predicate] = []
    for term in re.split(r",(?![^(]*\))", text) if text else ():
        match = _REQUIREMENT.fullmatch(term)
        if match is None:
            raise ValueError(f"unable to parse requirement: {term!r}")
        terms.append(_requirement(match))
    return lambda document: all(term(document) for term in terms)


def _equals(field: Callable[[Document], str], value: str, *, negated: bool) -> Predicate:
    return lambda document: (field(document) == value) != negated


def _requirement(match: re.Match[str]) -> Predicate:
    if match["absent"]:
        return lambda document: match["without"] not in _labels(document)
    name = match["label"]
    if match["set"]:
        values = {value.strip() for value in match["values"].split(",")}
        negated = match["set"] == "notin"
        return lambda document: (_labels(document).get(name) in values) != negated
    if match["operator"]:
        negated = match["operator"] == "!="
        return lambda document: (_labels(document).get(name) == match["value"]) != negated
    return lambda document: name in _labels(document)


def _labels(document: Document) -> Mapping[str, str]:
    return document["metadata"].get("labels") or {}
