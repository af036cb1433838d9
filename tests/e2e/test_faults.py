"""What happens to a machine at night: a disk that is full, a file that is locked, a second process, a stop."""

import contextlib
import resource
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest

from slo.demo.vendors.injection import Injection
from tests.e2e.pagerduty import PagerDuty
from tests.e2e.stage import FIRST_KEY, Watch, configuration, until
from tests.services import StartNginx


@contextlib.contextmanager
def locked(watch: Watch) -> Iterator[str]:
    """Another program holds the ledger and the journal."""
    with contextlib.ExitStack() as holding:
        for name in ("ledger.db", "journal.db"):
            other = holding.enter_context(
                contextlib.closing(sqlite3.connect(watch.data / name, isolation_level=None, timeout=30))
            )
            other.execute("BEGIN EXCLUSIVE")
        yield "busy"


@contextlib.contextmanager
def full(watch: Watch) -> Iterator[str]:
    """The watch can write to no file, as on a disk without space."""
    before = resource.prlimit(watch.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(watch.pid, resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield "full"
    finally:
        resource.prlimit(watch.pid, resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("trouble", [locked, full])
def test_a_p0_goes_out_while_nothing_can_be_written_and_is_written_down_afterwards(
    trouble: Callable[[Watch], contextlib.AbstractContextManager[str]],
    watch: Watch,
    pagerduty: PagerDuty,
    nginx: StartNginx,
) -> None:
    endpoint = nginx()
    watch.configure(configuration(pagerduty.destination(), port=endpoint.port))
    watch.start()
    watch.good()
    with trouble(watch) as reason:
        endpoint.stop()
        until("the page without the journal", lambda: pagerduty.accepted("trigger"))
        for store in ("ledger", "journal"):
            name = f'watchkeep_{store}_write_failures_total{{reason="{reason}"}}'
            until(f"the {store} to be missed", lambda name=name: watch.sample(name))  # type: ignore[misc]
        assert watch.sample("watchkeep_ledger_pending_slots") > 0
        judged = watch.sample("watchkeep_evaluation_timestamp_seconds")
        until("the watch to go on", lambda: watch.sample("watchkeep_evaluation_timestamp_seconds") > judged)
        (incident,) = watch.incidents()
        assert incident["status"] == "triggered"
    until("the page on record", lambda: watch.delivered("trigger"))
    assert "sent_directly" in watch.timeline(incident["id"])
    until("the ledger to be up to date", lambda: watch.sample("watchkeep_ledger_pending_slots") == 0)
    bad = watch.slo()["totals"]["bad"]
    watch.kill()
    watch.start()
    assert watch.slo()["totals"]["bad"] >= bad, "what was held while nothing could be written is on disk"
    endpoint.start()
    until("the resolve on record", lambda: watch.delivered("resolve"))
    assert watch.stop() == 0
    assert len(pagerduty.asked("trigger")) == len(pagerduty.asked("resolve")) == 1
    (vendors,) = pagerduty.incidents
    assert (vendors["dedup_key"], vendors["status"]) == (FIRST_KEY, "resolved")
    assert watch.verify() > 0


def test_a_stop_ends_soon_also_while_pagerduty_hangs_and_the_page_goes_out_after_the_next_start(
    watch: Watch, pagerduty: PagerDuty, nginx: StartNginx
) -> None:
    endpoint = nginx()
    watch.configure(configuration(pagerduty.destination(timeout="25s"), port=endpoint.port))
    watch.start()
    watch.good()
    pagerduty.inject(Injection(hang_seconds=300, reset=True))
    endpoint.stop()
    until("the question", lambda: pagerduty.asked("trigger"))
    assert watch.stop() == 0
    assert pagerduty.accepted("trigger") == []
    watch.start()
    until("the trigger on record", lambda: watch.delivered("trigger"))
    assert watch.stop() == 0
    assert len(pagerduty.accepted("trigger")) == 1
    assert watch.faults == []


def test_a_second_process_on_the_same_data_is_refused_and_the_first_goes_on(
    watch: Watch, pagerduty: PagerDuty, nginx: StartNginx
) -> None:
    watch.configure(configuration(pagerduty.destination(), port=nginx().port))
    watch.start()
    watch.good()
    second = subprocess.run(watch.command, capture_output=True, text=True, timeout=60, check=False)
    assert (second.returncode, second.stdout) == (2, "")
    assert second.stderr == (
        f"{watch.data}: process {watch.pid} holds this data folder: stop it, or name another folder with --data\n"
    )
    watch.good()
    watch.send(signal.SIGINT)
    assert watch.stop() == 0
    watch.start()
    assert watch.stop() == 0
    assert watch.faults == []


def test_a_watch_that_was_stopped_for_a_while_blames_no_target(
    watch: Watch, pagerduty: PagerDuty, nginx: StartNginx
) -> None:
    watch.configure(configuration(pagerduty.destination(), port=nginx().port))
    watch.start()
    watch.good()
    for _ in range(3):
        watch.send(signal.SIGSTOP)
        time.sleep(2)  # more rounds than a page needs
        watch.send(signal.SIGCONT)
        watch.good()
    totals = watch.slo()["totals"]
    assert totals["unknown"] >= 3
    assert totals["bad"] < 3, "one each time"
    assert watch.incidents() == []
    assert watch.stop() == 0
    assert pagerduty.requests == []
    assert watch.faults == []


def test_a_watch_whose_address_is_taken_says_so_and_leaves_its_data_to_the_next(
    watch: Watch, pagerduty: PagerDuty, nginx: StartNginx
) -> None:
    taken = nginx()
    watch.configure(configuration(pagerduty.destination(), port=taken.port))
    command = [*watch.command[:-1], f"127.0.0.1:{taken.port}"]
    refused = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.splitlines()[-1] == (
        f"--listen 127.0.0.1:{taken.port}: Address already in use; stop what listens there, or choose another port"
    )
    watch.start()
    watch.good()
    assert watch.stop() == 0


def test_a_watch_that_can_tell_nobody_says_so_at_its_start(watch: Watch) -> None:
    watch.configure(configuration(port=1))
    watch.start()
    assert watch.stop() == 0
    assert "nobody is told when a budget burns" in watch.log.read_text(encoding="utf-8")
