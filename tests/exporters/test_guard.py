"""Nobody gets from `/probe` to the metadata service of a cloud, whatever the target looks like."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.exporters.metadata_world import EMBEDDED, METADATA, SETUP
from tests.services import program

CHECKOUT = Path(__file__).resolve().parent.parent.parent
MODULES = """
modules:
  http: {prober: http}
  tcp: {prober: tcp}
"""

UNREAD = "dns_no_address"
"""What becomes of addresses in other spellings, 2852039166 or 0251.0376.0251.0376: they are names that nobody has."""


def asked(folder: Path, guard: str = "") -> Any:
    """What became of every way, in a namespace of its own."""
    config = folder / "watch.yaml"
    config.write_text(MODULES + guard)
    program("ip", package="iproute2")
    script = f'set -e; {SETUP}; exec "$0" -m tests.exporters.metadata_world "$1"'
    command = [program("unshare", package="util-linux"), "--net", "sh", "-c", script, sys.executable, str(config)]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_no_way_leads_to_the_metadata_service(tmp_path: Path) -> None:
    seen = asked(tmp_path)
    assert METADATA.isdisjoint(seen["connected"])
    assert set(seen["found"].values()) == {"not_permitted", UNREAD}


def test_every_way_would_lead_there(tmp_path: Path) -> None:
    seen = asked(tmp_path, "guard: {deny: []}\n")
    by_gateway = {target for target in seen["found"] if any(host in target for host in EMBEDDED)}
    direct = {target: reason for target, reason in seen["found"].items() if "/to/" not in target}
    assert {direct.pop(target) for target in by_gateway & direct.keys()} == {"network_down"}, (
        "there is no way to them, and they are tried"
    )
    assert METADATA & seen["connected"].keys() == {"169.254.169.254", "fd00:ec2::254"}
    assert set(direct.values()) == {"ok", UNREAD}
    redirected = [reason for target, reason in seen["found"].items() if "/to/" in target]
    assert "ok" not in redirected, "a redirect leads from this machine to no closed network, whatever is configured"
