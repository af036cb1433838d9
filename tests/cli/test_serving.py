"""What the commands have in common whose process serves."""

import subprocess
import sys

LOADED = """
import gc
from slo.cli.serving import modules_kept
before = gc.get_freeze_count()
with modules_kept():
    print(gc.isenabled())
    stays = [[] for _ in range(1000)]
print(gc.isenabled(), gc.get_freeze_count() - before >= len(stays))
"""


def test_what_a_process_loads_is_never_looked_through_for_garbage_and_what_comes_later_is() -> None:
    done = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["False", "True", "True"]
