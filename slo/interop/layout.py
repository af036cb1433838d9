"""How documents are laid out as YAML: lists further in than what they belong to, texts of several lines as they are."""

import yaml

ENDLESS = 1_000_000
"""Wider than any line, so that no scalar is folded."""


class Dumper(yaml.SafeDumper):
    """Lists indented under their key, texts of several lines as blocks."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002
        super().increase_indent(flow, False)


def _lines(dumper: Dumper, data: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", data, style="|" if "\n" in data else None)


Dumper.add_representer(str, _lines)
