"""Agents report to a watch that is killed and cut off: its ledger has every round, once, and no hole."""

import contextlib
import gzip
import json
import random
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from slo.core.batch import Observed
from slo.core.batch_document import document_of
from slo.core.counts import slot_end
from slo.core.deltas import BAD, COVERED_MS, GOOD
from slo.core.outcome import Outcome
from slo.core.reason import state_of
from slo.exposition.catalogue import Telemetry
from slo.store.ledger import LedgerStore
from tests.e2e.stage import PAIR, Watch, until

TOKEN = "fedcba9876543210"
TARGETS = [f"127.0.0.1:{port}" for port in (1, 2, 3)]
INTERVAL = 1.0
SLO = "gate-availability"


def configuration(token: str = TOKEN) -> dict[str, Any]:
    probe = {"name": "gate", "type": "tcp", "targets": TARGETS, "interval": "1s", "run_by": "agents"}
    slo = {
        "name": SLO,
        "objective": "99%",
        "window": "10m",
        "sli": {"probe": "gate"},
        "burn_policy": [PAIR | {"short": "3s"}],
    }
    return {"slot": "1s", "agents": {"token": token}, "probes": [probe], "slos": [slo]}


def post(watch: Watch, document: object, *, token: str = TOKEN) -> tuple[int, Any]:
    """Send a report; the status, 0 where there was none, and the document."""
    request = urllib.request.Request(
        f"{watch.url}/api/v1/outcomes",
        data=gzip.compress(json.dumps(document).encode()),
        headers={"Authorization": f"Bearer {token}", "Content-Encoding": "gzip"},
    )
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)
    except (OSError, ValueError):
        return 0, None


class Agent:
    """Makes a round of each of its targets every second, and reports all of them in order until they are taken.

    `sent` are the rounds that it made, by SLI state and slot; while it is `cut_off` it reports nothing.
    """

    def __init__(self, watch: Watch, name: str, targets: list[str]) -> None:
        self.cut_off = False
        self.rounds: dict[tuple[str, int], tuple[int, str]] = {}
        self._watch = watch
        self._name = name
        self._targets = targets
        self._chance = random.Random(name)
        self._spool: list[object] = []
        self._first = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._live)

    def _live(self) -> None:
        while not self._over.wait(0.05):
            self._look()
            if self._spool and not self.cut_off:
                self._report()

    def _look(self) -> None:
        at = time.time()
        number = int(at // INTERVAL)
        for target in self._targets:
            if (target, number) in self.rounds:
                continue
            reason = random.Random(f"{target} {number}").choice(["ok", "ok", "ok", "connect_refused"])
            self.rounds[target, number] = slot_end(at, 1), reason
            outcome = Outcome(
                check="gate",
                target=target,
                module="tcp",
                at=datetime.fromtimestamp(at, UTC),
                state=state_of(reason),
                reason=reason,
                number=number,
            )
            self._spool.append(document_of(Observed(outcome=outcome)))

    def _report(self) -> None:
        """Whatever the answer is, a part of it is sent again now and then: reports come at least once."""
        records = self._spool[:500]
        status, _ = post(self._watch, {"agent": self._name, "boot": "one", "first": self._first, "records": records})
        if status == 200:
            taken = len(records) - self._chance.choice([0, 0, min(2, len(records))])
            del self._spool[:taken]
            self._first += taken

    def finish(self) -> None:
        """Make no more rounds, and report what is left."""
        self._over.set()
        self._thread.join()
        self.cut_off = False

        def report() -> bool:
            self._report()
            return not self._spool

        until("everything to be reported", report)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


def counted(watch: Watch) -> Counter[tuple[int, str]]:
    """The events in the ledger of a watch that has stopped, by slot and reason, and how much of each slot is known."""
    found: Counter[tuple[int, str]] = Counter()
    with contextlib.closing(LedgerStore(watch.data / "ledger.db", slot_seconds=1, telemetry=Telemetry())) as store:
        for block in store.history(0):
            for span, end in enumerate(block.ends.tolist()):
                for kind, row in (("ok", GOOD), ("connect_refused", BAD), ("known", COVERED_MS)):
                    found[end, kind] += int(block.counts[row, span].sum())
    return +found


def test_however_the_watch_is_killed_and_cut_off_its_ledger_has_every_round_once(watch: Watch, tmp_path: Path) -> None:
    watch.configure(configuration())
    watch.start()
    # The middle target is looked at by both of them for all the time.
    with Agent(watch, "node-1", TARGETS[:2]) as one, Agent(watch, "node-2", TARGETS[1:]) as two:
        until("the first rounds", lambda: watch.slo(SLO)["totals"]["good"] >= 5)
        one.cut_off = True
        time.sleep(2.2)
        watch.kill()
        time.sleep(1.1)
        watch.start()
        until("rounds of the other", lambda: watch.slo(SLO)["totals"]["good"])
        one.cut_off = False
        watch.kill()
        watch.start()
        time.sleep(2.2)
        one.finish()
        two.finish()
        rounds = {**one.rounds, **two.rounds}
        until("everything to be counted", lambda: sum(watch.slo(SLO)["totals"].values()) >= len(rounds))
        time.sleep(1.1)
        sent = Counter(rounds.values())
        assert watch.sample('watchkeep_agent_records_lost_total{agent="node-1"}') == 0
    assert watch.stop() == 0
    assert watch.faults == []
    found = counted(watch)
    known = {end: ms for (end, kind), ms in found.items() if kind == "known"}
    assert Counter({key: number for key, number in found.items() if key[1] != "known"}) == sent
    ends = [end for end, _ in sent]
    assert {known.get(end, 0) for end in range(min(ends), max(ends) + 1)} == {1000}, "there is no hole"


def test_only_agents_report_and_what_cannot_be_read_is_said(watch: Watch) -> None:
    watch.configure(configuration())
    watch.start()
    own = (watch.data / "token").read_text(encoding="ascii").strip()
    for token in ("", own, TOKEN[:-1]):
        assert post(watch, {}, token=token)[0] == 401
    report = {"agent": "node-1", "boot": "b", "first": 7, "records": [{}, {"gone": {}}]}
    status, document = post(watch, report)
    assert (status, document["accepted"], [each["record"] for each in document["refused"]]) == (200, 0, [7, 8])
    assert post(watch, {"agent": "node-1"})[0] == 400
    assert watch.stop() == 0
    assert TOKEN not in watch.said
