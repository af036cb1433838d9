"""The configurations that the manuals show can be loaded."""

import re
from pathlib import Path

import pytest
import trustme

from slo.config.load import load
from slo.kinds import Kinds

ROOT = Path(__file__).parents[2]
SHOWN = [
    pytest.param(block, id=f"{path.relative_to(ROOT)}-{number}")
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    for number, block in enumerate(re.findall(r"(?ms)^```yaml\n(.*?)^```$", path.read_text(encoding="utf-8")))
    if re.search(r"(?m)^slos:", block)
]


def test_readme_and_manuals_show_configurations() -> None:
    assert len(SHOWN) >= 2


@pytest.mark.parametrize("block", SHOWN)
def test_a_configuration_that_is_shown_loads(block: str, tmp_path: Path) -> None:
    for name in re.findall(r"\w+_file: ([^\s,}]+)", block):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("secret", encoding="utf-8")
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "ca.pem"))  # one of them names it
    config = tmp_path / "shown.yaml"
    config.write_text(block, encoding="utf-8")
    keys = {"PD_ROUTING_KEY": "0123456789abcdef0123456789abcdef", "PD_SECOND_KEY": "fedcba9876543210fedcba9876543210"}
    assert load(config, Kinds.installed(), keys).slos
