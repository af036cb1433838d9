"""How documents are laid out as YAML: lists further in than what they belong to, texts of several lines as they are."""

import re

import yaml

ENDLESS = 1_000_000
"""Wider than any line, so that no scalar is folded."""
OTHER_BREAKS = frozenset("\r\x85\u2028\u2029")
"""Line breaks that only come back where they are escaped."""
_NOT_A_TEXT = re.compile(
    r"[-+]?(?:(?:\.[0-9]+|[0-9][0-9_]*(?:\.[0-9_]*)?)(?:e[-+]?[0-9]+)?|0[xob][0-9a-f_]+)|[yn]", re.IGNORECASE
)
"""What readers in Go, as those of Kubernetes are, take for a number or a truth, and PyYAML for a text: `1e3`, `y`."""


class Dumper(yaml.SafeDumper):
    """Lists indented under their key, texts of several lines as blocks, quotes around what is a text to some only."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002
        super().increase_indent(flow, False)


def _lines(dumper: Dumper, data: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", data, style=_style(data))


def _style(text: str) -> str | None:
    if OTHER_BREAKS & set(text):
        return '"'
    if "\n" in text:
        return "|"
    return "'" if _NOT_A_TEXT.fullmatch(text) else None


Dumper.add_representer(str, _lines)
