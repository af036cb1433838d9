"""Documents that list targets, as Prometheus reads them from files and over HTTP: `[{targets: [...], labels: {...}}]`.

Format: https://prometheus.io/docs/prometheus/latest/configuration/configuration/#file_sd_config
"""

import json
import re
from collections.abc import Iterator

from slo.config.garbage import garbage_kept
from slo.config.identity import LABEL_PATTERN
from slo.config.nodes import Node, documents
from slo.config.target_keys import MOST_TARGETS
from slo.config.wrong import shown
from slo.core.target import Target, target_of

LARGEST_BYTES = 16_000_000
"""How large a document may be."""

_LABEL = re.compile(LABEL_PATTERN)
_BLANKS = re.compile(r"[ \t\r\n]*")
_A_LIST = "it is a list of mappings with `targets` and `labels`"


class Malformed(ValueError):
    """A document is no list of targets; says where, and what is wrong with it."""


def read_json(text: str, name: str) -> frozenset[Target]:
    """The targets of a document in JSON, which is called `name` where something is wrong. Raises Malformed."""
    with garbage_kept():
        return _targets(_of_json(text, name))


def read_yaml(text: str, name: str) -> frozenset[Target]:
    """The targets of a document in YAML, as `read_json`."""
    with garbage_kept():
        return _targets(_of_yaml(text, name))


_Group = tuple[str, object, object]
"""Where a group stands, its targets and its labels, whatever they are."""


def _of_json(text: str, name: str) -> Iterator[_Group]:
    """Group by group, so that others may run meanwhile, and with the line of each."""
    decoder = json.JSONDecoder()
    at = _after_blanks(text, 0)

    def where(position: int) -> str:
        return f"{name}:{text.count(chr(10), 0, position) + 1}"

    if text[at : at + 1] != "[":
        if text[at : at + 4] == "null" and _after_blanks(text, at + 4) == len(text):
            return
        raise Malformed(f"{where(at)}: {_A_LIST}")
    at = _after_blanks(text, at + 1)
    more = text[at : at + 1] != "]"
    while more:
        try:
            group, end = decoder.raw_decode(text, at)
        except json.JSONDecodeError as error:
            raise Malformed(f"{where(error.pos)}: it is no JSON: {error.msg.lower()}") from None
        except RecursionError:
            raise Malformed(f"{where(at)}: it is nested too deep") from None
        yield _parts(where(at), group)
        at = _after_blanks(text, end)
        more = text[at : at + 1] == ","
        if more:
            at = _after_blanks(text, at + 1)
    if text[at : at + 1] != "]":
        raise Malformed(f"{where(at)}: it is no JSON: the list does not end here")
    at = _after_blanks(text, at + 1)
    if at != len(text):
        raise Malformed(f"{where(at)}: it is no JSON: something stands after the list")


def _of_yaml(text: str, name: str) -> Iterator[_Group]:
    wrong: list[str] = []
    root = next(documents(text, file=name, tell=lambda place, problem, _: wrong.append(f"{place}: {problem}")), None)
    if wrong:
        raise Malformed(wrong[0])
    if root is None:
        return
    if not isinstance(root.value, list):
        raise Malformed(f"{root.place}: {_A_LIST}")
    for node in root.value:
        yield _parts(str(node.place), _written(node))


def _written(node: Node) -> object:
    """The value with scalars as they are spelt: a label that looks like a number is a text."""
    match node.value:
        case dict() as entries:
            return {key: _written(value) for key, value in entries.items()}
        case list() as items:
            return [_written(item) for item in items]
        case None:
            return None
    return node.written


def _parts(where: str, group: object) -> _Group:
    if not isinstance(group, dict):
        raise Malformed(f"{where}: {_A_LIST}, and {shown(group)} is no mapping")
    if unknown := group.keys() - {"targets", "labels"}:
        raise Malformed(f"{where}: {min(map(str, unknown))!r} means nothing here, {_A_LIST}")
    return where, group.get("targets"), group.get("labels")


def _targets(groups: Iterator[_Group]) -> frozenset[Target]:
    found: set[Target] = set()
    for where, targets, labels in groups:
        if not isinstance(targets, list | None):
            raise Malformed(f"{where}: `targets` is {shown(targets)}, write a list of texts")
        if not isinstance(labels, dict | None):
            raise Malformed(f"{where}: `labels` is {shown(labels)}, write a mapping of texts")
        for name, value in (labels or {}).items():
            if not _LABEL.fullmatch(name):
                raise Malformed(f"{where}: {shown(name)} is no label name of Prometheus")
            if not isinstance(value, str):
                raise Malformed(f"{where}: the label {name} is {shown(value)}, write a text")
        for target in targets or ():
            if not isinstance(target, str) or not target:
                raise Malformed(f"{where}: the target {shown(target)} is no text")
            found.add(target_of(target, labels or {}))
        if len(found) > MOST_TARGETS:
            raise Malformed(f"{where}: there are more than {MOST_TARGETS} targets")
    return frozenset(found)


def _after_blanks(text: str, position: int) -> int:
    blanks = _BLANKS.match(text, position)
    return blanks.end() if blanks else position
