"""Customers get every number: sums at the far side are those of the ledger, after bad days and `kill -9`."""

import contextlib
import random
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from click.testing import CliRunner

from slo.cli.main import cli
from slo.core.telemetry import Counts3
from slo.exposition.catalogue import Telemetry
from slo.store.journal import Journal
from slo.store.ledger import LedgerStore
from slo.store.spool import SpoolFile
from tests.e2e.far_sides import API_KEY, TOKEN, FarSide, far_sides
from tests.e2e.stage import Watch, configuration, until
from tests.elastic import Searchable
from tests.remote_write_receivers import Prometheus, Receiver, VictoriaMetrics
from tests.services import StartNginx

KILLS = 3

SLOS = {"gate-availability": "probe:gate", "shop-availability": "probe:shop"}


def counted(data: Path) -> Mapping[str, Counts3]:
    """What the ledger of a stopped watch has counted, by SLO."""
    ledger = LedgerStore(data / "ledger.db", slot_seconds=1, telemetry=Telemetry())
    totals = ledger.totals()
    ledger.close()
    return {slo: Counts3(totals[sli].good, totals[sli].bad, totals[sli].unknown) for slo, sli in SLOS.items()}


def events(data: Path) -> list[int]:
    """The numbers of all events of the journal of a stopped watch."""
    with contextlib.closing(Journal(data / "journal.db", telemetry=Telemetry())) as journal:
        return [number for number, _ in journal.events()]


def settled(watch: Watch) -> bool:
    """Whether nothing waits that is older than what the last moments brought."""
    forwarders = watch.get("/api/v1/forwarders")["forwarders"]
    return all((each["oldest_age_seconds"] or 0) < 3 and not each["dead"] for each in forwarders)


def test_sums_at_every_far_side_are_those_of_the_ledger_after_bad_days_and_kills(
    watch: Watch,
    tmp_path: Path,
    nginx: StartNginx,
    prometheus_receiver: Prometheus,
    victoria_metrics: VictoriaMetrics,
    elasticsearch_like: Searchable,
    opensearch_like: Searchable,
) -> None:
    endpoint, chance, name = nginx(), random.Random(20260101), f"e2e{tmp_path.name}".replace("_", "")[-40:].lower()
    remote: dict[str, Receiver] = {"prometheus": prometheus_receiver, "victoria": victoria_metrics}
    searched = {"elastic": elasticsearch_like, "opensearch": opensearch_like}
    with far_sides(tmp_path, remote=remote, searched=searched, name=name) as sides:
        config = configuration(port=endpoint.port, names=("gate", "shop"))
        watch.configure({**config, "routes": {}, "forwarders": [dict(side.entry) for side in sides]})
        watch.start()
        watch.good()
        endpoint.stop()
        for _ in range(KILLS):
            for side in sides:
                side.be_bad(True)
            time.sleep(chance.uniform(1.5, 3.5))
            watch.kill()
            watch.start()
        endpoint.start()
        watch.good()
        for side in sides:
            side.be_bad(False)
        shown = "".join(pages(watch))
        until("everything is there", lambda: settled(watch), patience_seconds=200)
        assert watch.stop() == 0, watch.said[-3000:]

        totals, journal = counted(watch.data), events(watch.data)
        assert all(each.good and each.bad for each in totals.values())
        for side in sides:
            compare(side, totals, journal)
    for spool in (watch.data / "spools").iterdir():
        if spool.suffix == ".spool":
            with contextlib.closing(SpoolFile(spool)) as file:
                assert (file.depths(), file.dead.count()) == ({}, {})
    files = [watch.log, *(path for path in watch.data.rglob("*") if path.is_file())]
    for secret in (TOKEN, API_KEY):
        assert secret not in shown + watch.printed
        for path in files:
            assert secret.encode() not in path.read_bytes(), path.name


def pages(watch: Watch) -> Iterator[str]:
    """Whatever it shows to people of its forwarders while these fail."""
    yield from map(watch.text, ("/", "/metrics", "/api/v1/slos", "/api/v1/forwarders"))
    forwarders = watch.get("/api/v1/forwarders")["forwarders"]
    assert any(each["last_failure"] for each in forwarders), "days are bad"
    for each in forwarders:
        yield watch.text(f"/api/v1/forwarders/{each['name']}")
        result = CliRunner().invoke(cli, ["forward", "status", each["name"], "--url", watch.url])
        assert result.exit_code == 0, result.output
        yield result.output


def compare(side: FarSide, totals: Mapping[str, Counts3], journal: list[int]) -> None:
    found = {slo: side.counts(slo) for slo in totals}
    assert found == totals, side.entry["name"]
    told = side.events()
    assert not told or sorted(told) == journal, side.entry["name"]
    assert told or side.entry["type"] == "remote_write"
