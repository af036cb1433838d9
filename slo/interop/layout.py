"""How documents are laid out as YAML: lists further in than what they belong to, texts of several lines as they are."""

import yaml

ENDLESS = 1_000_000
"""Wider than any line, so that no scalar is folded."""
OTHER_BREAKS = frozenset("\r\x85\u2028\u2029")
"""Line breaks that only come back where they are escaped."""


class Dumper(yaml.SafeDumper):
    """Lists indented under their key, texts of several lines as blocks."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002
        super().increase_indent(flow, False)


def _lines(dumper: Dumper, data: str) -> yaml.Node:
    style = '"' if OTHER_BREAKS & set(data) else "|" if "\n" in data else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", data, style=style)


Dumper.add_representer(str, _lines)
