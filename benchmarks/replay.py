"""`./run bench replay`: 90 days of scrapes every 30 s of 100 SLOs, through `watchkeep replay`.

The peer is promtool, which reads the first days of the same series into a Prometheus.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks._output import Figure, arguments, report
from benchmarks._process import have_debian_packages

SLOS = 100
SCRAPE_SECONDS = 30
BEGIN = 1_767_225_600
"""2026-01-01T00:00:00Z."""

PEER_DAYS = 3
COMMAND = Path(sys.executable).with_name("watchkeep")


def configuration() -> str:
    """One SLO for each service, with the default policy and slots of 10 s."""
    return "slos:\n" + "".join(
        f"  - name: service-{index:03}\n    objective: 99.9%\n    window: 30d\n    sli:\n      counters:\n"
        f'        total: http_requests_total{{service="{index:03}"}}\n'
        f'        bad: http_requests_total{{service="{index:03}",code="500"}}\n'
        for index in range(SLOS)
    )


def series(days: float) -> Iterator[tuple[str, np.ndarray]]:
    """The counters: requests by the hour of the day, one in 5,000 failing, and an hour's outage now and then."""
    random = np.random.default_rng(20260101)
    scrapes = int(days * 86_400 / SCRAPE_SECONDS)
    seconds = np.arange(scrapes) * SCRAPE_SECONDS
    rate = 600 + 550 * np.sin(seconds / 86_400 * 2 * np.pi)
    for index in range(SLOS):
        total = random.poisson(rate)
        share = np.where(seconds % (23 * 86_400) // 3600 == index, 0.5, 0.0002)
        bad = random.binomial(total, share)
        for code, counted in (("200", total - bad), ("500", bad)):
            yield f'http_requests_total{{service="{index:03}",code="{code}"}}', np.cumsum(counted)


def write(path: Path, days: float) -> int:
    """Write the series as OpenMetrics, one after the other; the number of samples."""
    samples = 0
    with path.open("w", encoding="ascii") as file:
        file.write("# TYPE http_requests counter\n")
        for name, values in series(days):
            times = range(BEGIN, BEGIN + SCRAPE_SECONDS * len(values), SCRAPE_SECONDS)
            file.writelines(f"{name} {value} {at}\n" for at, value in zip(times, values.tolist(), strict=True))
            samples += len(values)
        file.write("# EOF\n")
    return samples


def measured(command: list[str]) -> tuple[float, float, int, str]:
    """Wall-clock seconds, seconds of processor, peak resident bytes, and what it printed, of one command."""
    with tempfile.TemporaryFile("w+") as output:
        began = time.perf_counter()
        process = subprocess.Popen(command, stdout=output, stdin=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        took = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in (0, 1):
            raise SystemExit(f"{command}: ended with {process.returncode}")
        output.seek(0)
        return took, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, output.read()


def main() -> None:
    """Both, one after the other, on files that were written before."""
    parser = arguments("replay")
    parser.add_argument("--days", type=float, default=90, help="of samples")
    options = parser.parse_args()
    have_debian_packages("prometheus")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        config, samples_file, peer_file = folder / "config.yaml", folder / "samples.om", folder / "peer.om"
        config.write_text(configuration(), encoding="utf-8")
        peer_samples = write(peer_file, min(PEER_DAYS, options.days))
        promtool = ["promtool", "tsdb", "create-blocks-from", "--max-block-duration=576h", "--quiet", "openmetrics"]
        _, peer_cpu, peer_bytes, _ = measured([*promtool, str(peer_file), str(folder / "tsdb")])
        samples = write(samples_file, options.days)
        took, cpu, resident, printed = measured(
            [str(COMMAND), "replay", "-c", str(config), "--samples", str(samples_file), "--json"]
        )
        size = samples_file.stat().st_size
    told = [json.loads(line) for line in printed.splitlines()]
    reports = [each for each in told if each["event"] == "report"]
    pages = sum(each["event"] == "alert" and each["state"] == "firing" and each["severity"] == "page" for each in told)
    counted = sum(each["budget"]["good"] + each["budget"]["bad"] for each in reports)
    if len(reports) != SLOS or not counted:
        raise SystemExit(f"the replay gave {len(reports)} reports over {counted} events")
    report(
        "replay",
        [
            Figure(name="samples per second of a core", value=samples / cpu, unit="/s"),
            Figure(name="seconds of a core for a million samples", value=cpu / samples * 1e6, unit="s", under=2.5),
            Figure(name="from start to end", value=took, unit="s"),
            Figure(name="peak memory", value=resident / 1e6, unit="MB"),
            Figure(name="promtool, samples per second of a core", value=peer_samples / peer_cpu, unit="/s"),
            Figure(name="promtool, peak memory", value=peer_bytes / 1e6, unit="MB"),
            Figure(
                name="processor a sample, replay / promtool", value=cpu / samples / (peer_cpu / peer_samples), unit=""
            ),
        ],
        {
            "SLOs": SLOS,
            "samples": f"{samples:,}, every {SCRAPE_SECONDS} s over {options.days:g} days",
            "file": f"{size / 1e9:.2f} GB",
            "evaluations": f"{int(options.days * 86_400 / 30):,}, every 30 s, of slots of 10 s",
            "pages": pages,
        },
        as_json=options.json,
    )


if __name__ == "__main__":
    main()
