"""A backup of a watch that runs, and the watch that goes on from it while PagerDuty knows more than it does."""

import subprocess
import sys
from pathlib import Path

from slo.store import audit
from tests.e2e.pagerduty import PagerDuty
from tests.e2e.stage import FIRST_KEY, Watch, configuration, until
from tests.services import StartNginx


def command(*arguments: object) -> None:
    subprocess.run([sys.executable, "-m", "slo.cli.main", *map(str, arguments)], check=True, stdout=subprocess.PIPE)


def restored(watch: Watch, kept: Path) -> None:
    """Lose the data folder, and stand the watch on what was kept."""
    watch.kill()
    watch.data = watch.data.with_name("restored")
    command("restore", kept, "--data", watch.data, "--by", "kim")


def test_an_outage_that_began_after_the_backup_stays_one_incident_at_pagerduty(
    watch: Watch, pagerduty: PagerDuty, nginx: StartNginx, tmp_path: Path
) -> None:
    endpoint = nginx()
    watch.configure(configuration(pagerduty.destination(), port=endpoint.port))
    watch.start()
    watch.good()
    command("backup", tmp_path / "kept", "--data", watch.data)
    endpoint.stop()
    until("the trigger on record", lambda: watch.delivered("trigger"))

    restored(watch, tmp_path / "kept")
    watch.start()
    assert watch.incidents() == []
    until("the trigger on record again", lambda: watch.delivered("trigger"))
    endpoint.start()
    until("the resolve on record", lambda: watch.delivered("resolve"))
    assert watch.stop() == 0

    assert [event["dedup_key"] for event in pagerduty.accepted("trigger")] == [FIRST_KEY, FIRST_KEY]
    (incident,) = pagerduty.incidents
    assert (incident["status"], incident["dedup_key"]) == ("resolved", FIRST_KEY)
    assert watch.faults == []


def test_an_incident_that_was_resolved_after_the_backup_is_resolved_again_and_pages_nobody(
    watch: Watch, pagerduty: PagerDuty, nginx: StartNginx, tmp_path: Path
) -> None:
    endpoint = nginx()
    watch.configure(configuration(pagerduty.destination(), port=endpoint.port))
    watch.start()
    watch.good()
    endpoint.stop()
    until("the trigger on record", lambda: watch.delivered("trigger"))
    command("backup", tmp_path / "kept", "--data", watch.data)
    kept = audit.verified(tmp_path / "kept" / "journal.db")
    endpoint.start()
    until("the resolve on record", lambda: watch.delivered("resolve"))
    command("audit", "verify", "--data", watch.data, "--head", kept.anchor)
    events = watch.sample("watchkeep_journal_head_number")

    restored(watch, tmp_path / "kept")
    watch.start()
    assert kept.events < watch.sample("watchkeep_journal_head_number") <= events + 1
    watch.end()
    command("audit", "verify", "--data", watch.data, "--head", kept.anchor)
    assert watch.stop() == 0

    assert len(pagerduty.accepted("trigger")) == 1
    assert {event["dedup_key"] for event in pagerduty.asked("resolve")} == {FIRST_KEY}
    (told,) = pagerduty.incidents
    assert told["status"] == "resolved"
    assert watch.faults == []
