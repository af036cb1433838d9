"""What happens before a watch stands."""

import subprocess
import sys
from pathlib import Path

from slo.exposition.catalogue import Telemetry
from slo.store.journal import Journal

MAKE = """
import sys
from pathlib import Path
from slo.app.run import _make_journal
_make_journal(Path(sys.argv[1]))
print("alembic" in sys.modules)
"""


def test_the_journal_is_made_without_keeping_what_that_takes(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    made = subprocess.run([sys.executable, "-c", MAKE, path], capture_output=True, text=True, check=True, timeout=60)
    assert path.is_file()
    assert made.stdout.split() == ["False"]
    journal = Journal(path, telemetry=Telemetry())
    assert journal.verify() == 0
    journal.close()


def test_a_journal_that_cannot_be_made_is_left_to_the_watch(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "journal.db"
    subprocess.run([sys.executable, "-c", MAKE, path], capture_output=True, check=True, timeout=60)
    assert not path.exists()
