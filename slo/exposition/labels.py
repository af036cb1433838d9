"""The parts of a line of the text exposition before its value.

Format: https://prometheus.io/docs/instrumenting/exposition_formats/
"""

import re
from collections.abc import Mapping

METRIC_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*", re.ASCII)
LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*", re.ASCII)


def label_text(labels: Mapping[str, str]) -> str:
    """`a="1",b="2"`, escaped. Labels whose names the format does not know are left out."""
    return ",".join(f'{name}="{escaped(value)}"' for name, value in labels.items() if LABEL_NAME.fullmatch(name))


def escaped(value: str) -> str:
    """The value of a label as it stands between quotes."""
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
