"""The two that the benchmark of detection compares, as running servers on the same target.

Ours is `watchkeep run` with one probe. Theirs are Debian's blackbox exporter, Prometheus with the rules that Sloth
writes, and Alertmanager. Both begin with good history, hold the target against google-30d and page PagerDuty's
stand-in.
"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks import _alertmanager
from benchmarks._alertmanager import alertmanager
from benchmarks._paging import PagerDuty, write_ledger
from benchmarks._process import Server, free_port, scrape, serving, watching
from benchmarks._prometheus import Series, ask, prometheus, value, write_blocks
from benchmarks._sloth import PLACEHOLDER, SlothSLO, rules
from slo.core.counts import Counts
from slo.core.deltas import COVERED_MS, GOOD, Block
from slo.core.duration import duration_name
from slo.core.sli import probe_sli

PACKAGES = ("prometheus", _alertmanager.PACKAGE, "prometheus-blackbox-exporter")
INTERVAL_SECONDS = 15
SLOT_SECONDS = 10
GROUP_WAIT_SECONDS = 30
TIMEOUT = "5s"
SERVICE = "gate"
KNOWN_SHARE = 0.97
"""The share of the history that must be known before the target breaks: the time of the start is not."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Side:
    """One of the two: the routing key that it pages with, and the servers that it consists of."""

    name: str
    routing_key: str
    servers: tuple[Server, ...]
    watches: Callable[[], bool]
    """Whether it knows its history and has seen the target since it started."""

    def last_words(self) -> str:
        """What its servers said last."""
        return "\n".join(server.last_words() for server in self.servers)


def slot_counts(now: int, history_seconds: int) -> Block:
    """Good rounds up to `now`, a slot's end (Unix seconds), counted in the slots that they ended in."""
    ends = np.arange(now - history_seconds + SLOT_SECONDS, now + 1, SLOT_SECONDS, dtype=np.int64)
    rounds = np.arange(ends[0], now + 1, INTERVAL_SECONDS)
    counts = np.zeros((4, len(ends), 1), np.int64)
    np.add.at(counts[GOOD, :, 0], np.searchsorted(ends, rounds), 1)
    counts[COVERED_MS] = SLOT_SECONDS * 1000
    return Block(ends=ends, seconds=SLOT_SECONDS, names=(probe_sli(SERVICE),), counts=counts)


@contextmanager
def ours(folder: Path, target: str, vendor: PagerDuty, *, key: str, history_seconds: int) -> Iterator[Side]:
    """`watchkeep run` on a target (URL) that was good for so long, paging with the routing key `key`."""
    folder.mkdir(parents=True)
    probe = {"name": SERVICE, "type": "http", "url": target, "interval": f"{INTERVAL_SECONDS}s", "timeout": TIMEOUT}
    slo = {"name": SERVICE, "objective": "99.9%", "window": "30d", "sli": {"probe": SERVICE}}
    labels = {"customer": "acme", "environment": "production"}
    config = {
        "slot": f"{SLOT_SECONDS}s",
        "probes": [probe],
        "slos": [slo | {"burn_policy": "google-30d", "labels": labels}],
        "destinations": [vendor.destination(key)],
        "routes": {"destinations": ["oncall"]},
    }
    now = int(time.time()) // SLOT_SECONDS * SLOT_SECONDS
    history = slot_counts(now, history_seconds)
    total = Counts(good=int(history.counts[GOOD].sum()), covered_ms=int(history.counts[COVERED_MS].sum()))
    write_ledger(folder / "data", [history], {probe_sli(SERVICE): total}, slot=SLOT_SECONDS, now=now)
    window = f'window="{duration_name(history_seconds)}"'
    with watching(folder, json.dumps(config)) as watch:

        def watches() -> bool:
            samples = scrape(watch.url)
            known = [
                share for name, share in samples.items() if name.startswith("slo_window_coverage") and window in name
            ]
            return samples.get('watchkeep_probe_rounds_total{state="good"}', 0) > 0 and min(known) > KNOWN_SHARE

        yield Side(name=f"ours of {folder.parent.name}", routing_key=key, servers=(watch,), watches=watches)


@contextmanager
def theirs(folder: Path, target: str, vendor: PagerDuty, *, key: str, history_seconds: int) -> Iterator[Side]:
    """Exporter, Prometheus and Alertmanager on a target (URL) that was good for so long."""
    folder.mkdir(parents=True)
    success = f'probe_success{{instance="{target}",job="blackbox"}}'
    slo = SlothSLO(service=SERVICE, error_ratio=f"1 - avg(avg_over_time({success}[{PLACEHOLDER}]))")
    (folder / "rules.yml").write_text(rules([slo]), encoding="utf-8")
    with blackbox(folder) as exporter, alertmanager(folder, _managing(vendor, key)) as manager:
        now = time.time()
        times = np.arange(now - history_seconds, now, INTERVAL_SECONDS).round(3)
        write_blocks(folder, [Series(name=success, times=times, values=np.ones(len(times)))])
        with prometheus(folder, _scraping(target, exporter, manager)) as server:

            def watches() -> bool:
                up = value(server.url, 'up{job="blackbox"}')
                known = value(server.url, f"count_over_time({success}[{history_seconds}s])") or 0
                recorded = value(server.url, slo.recorded("slo:sli_error:ratio_rate1h"))
                managed = ask(server.url, "alertmanagers")["activeAlertmanagers"]
                share = known / (history_seconds / INTERVAL_SECONDS)
                return up == 1 and recorded == 0 and bool(managed) and share > KNOWN_SHARE

            yield Side(
                name=f"theirs of {folder.parent.name}",
                routing_key=key,
                servers=(exporter, server, manager),
                watches=watches,
            )


def _scraping(target: str, exporter: Server, manager: Server) -> dict[str, object]:
    """The configuration of Prometheus."""
    return {
        "global": {"scrape_interval": f"{INTERVAL_SECONDS}s", "evaluation_interval": f"{INTERVAL_SECONDS}s"},
        "rule_files": ["rules.yml"],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [manager.address]}]}]},
        "scrape_configs": [
            {
                "job_name": "blackbox",
                "metrics_path": "/probe",
                "params": {"module": ["http_2xx"]},
                "static_configs": [{"targets": [target]}],
                "relabel_configs": [
                    {"source_labels": ["__address__"], "target_label": "__param_target"},
                    {"source_labels": ["__param_target"], "target_label": "instance"},
                    {"target_label": "__address__", "replacement": exporter.address},
                ],
            }
        ],
    }


@contextmanager
def blackbox(folder: Path) -> Iterator[Server]:
    """The blackbox exporter with its module for HTTP."""
    path, listen = folder / "blackbox.yml", f"127.0.0.1:{free_port()}"
    http = {"prober": "http", "timeout": TIMEOUT, "http": {"preferred_ip_protocol": "ip4"}}
    path.write_text(json.dumps({"modules": {"http_2xx": http}}), encoding="utf-8")
    command = ["prometheus-blackbox-exporter", f"--config.file={path}", f"--web.listen-address={listen}"]
    with serving("blackbox", *command, address=listen, folder=folder, ready="/-/healthy") as server:
        yield server


def _managing(vendor: PagerDuty, key: str) -> dict[str, object]:
    """The configuration of Alertmanager: pages go to the stand-in, tickets nowhere."""
    trust = {"tls_config": {"ca_file": vendor.ca_file}}
    oncall = {"routing_key": key, "url": vendor.events_url, "http_config": trust}
    return {
        "route": {
            "receiver": "tickets",
            "group_by": ["sloth_id"],
            "group_wait": f"{GROUP_WAIT_SECONDS}s",
            "routes": [{"receiver": "oncall", "matchers": ['sloth_severity="page"']}],
        },
        "receivers": [{"name": "tickets"}, {"name": "oncall", "pagerduty_configs": [oncall]}],
    }
