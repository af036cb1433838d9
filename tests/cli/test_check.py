"""`watchkeep check` says ok, or every fault on a line of its own."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parent.parent.parent
COMMAND = Path(sys.executable).with_name("watchkeep")
BAD = Path("tests/config/bad")
GOOD = Path("tests/config/good")


def check(*arguments: str | Path, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [str(COMMAND), "check", *map(str, arguments)]
    return subprocess.run(command, check=False, capture_output=True, text=True, cwd=CHECKOUT, env=environ)


def test_a_good_configuration_is_ok() -> None:
    done = check("-c", GOOD / "smallest.yaml", PD_ROUTING_KEY="0a1b2c")
    assert (done.returncode, done.stdout, done.stderr) == (0, "ok: 1 probe, 1 SLO, 2 destinations, 0 warnings\n", "")


@pytest.mark.parametrize("name", ["everything_at_once.yaml", "binary.yaml", "folder"])
def test_a_bad_configuration_gives_its_golden_text_and_2(name: str) -> None:
    done = check("-c", BAD / name)
    golden = (CHECKOUT / BAD / name).with_suffix(".txt").read_text(encoding="utf-8")
    assert (done.returncode, done.stdout, done.stderr) == (2, "", golden)


def test_json_has_every_fault_with_its_place() -> None:
    done = check("-c", BAD / "duplicate_key.yaml", "--json")
    assert (done.returncode, done.stderr) == (2, "")
    assert json.loads(done.stdout) == {
        "ok": False,
        "faults": [
            {
                "file": "tests/config/bad/duplicate_key.yaml",
                "line": line,
                "column": column,
                "path": path,
                "problem": f"is set twice, first on line {first}",
                "mend": "leave one of them out",
            }
            for line, column, path, first in ((5, 5, "probes[gate].url", 4), (7, 1, "probes", 1))
        ],
        "warnings": [],
        "counts": {},
    }


def test_targets_that_are_written_are_counted(tmp_path: Path) -> None:
    config = tmp_path / "watch.yaml"
    probes = [{"name": "db", "type": "tcp", "targets": ["one.example:80", "two.example:80"]}]
    slos = [{"name": "a", "objective": "99%", "window": "30d", "sli": {"probe": "db"}}]
    config.write_text(json.dumps({"probes": probes, "slos": slos}))
    assert check("-c", config).stdout == "ok: 1 probe, 2 targets, 1 SLO, 0 destinations, 0 warnings\n"


def test_modules_are_counted(tmp_path: Path) -> None:
    config = tmp_path / "blackbox.yml"
    config.write_text("modules: {http_2xx: {prober: http}, icmp: {prober: icmp}}")
    assert check("-c", config).stdout == "ok: 0 probes, 2 modules, 0 SLOs, 0 destinations, 0 warnings\n"


def test_warnings_are_told_and_are_no_faults(tmp_path: Path) -> None:
    config = tmp_path / "watch.yaml"
    config.write_text(
        "probes: [{name: gate, type: tcp, target: 'gate.example:80', interval: 60s}]\n"
        "slos: [{name: a, objective: 99.9%, window: 30d, sli: {probe: gate}}]\n"
    )
    done = check("-c", config)
    first, last = done.stdout.splitlines()
    assert first.startswith(f"warning: {config}:2:44: slos[a].window: one bad outcome alone burns")
    assert last == "ok: 1 probe, 1 SLO, 0 destinations, 1 warning"
    document = json.loads(check("-c", config, "--json").stdout)
    assert document["ok"]
    assert document["counts"] == {"probes": 1, "slos": 1, "destinations": 0, "warnings": 1}
    assert document["warnings"][0]["mend"] == "probe gate at least every 51s"


def test_what_is_not_there_is_told() -> None:
    done = check("-c", "no/such/file.yaml")
    assert (done.returncode, done.stderr) == (
        2,
        "no/such/file.yaml: does not exist; name a file of YAML, or a folder of them\n",
    )


def test_a_narrow_terminal_wraps_no_fault_either() -> None:
    leader, follower = pty.openpty()
    try:
        done = subprocess.run(
            [COMMAND, "check", "-c", BAD / "slot.yaml"],
            check=False,
            cwd=CHECKOUT,
            stdout=follower,
            stderr=follower,
            env={"COLUMNS": "40", "TERM": "xterm"},
        )
        shown = os.read(leader, 65536).decode()
    finally:
        os.close(leader)
        os.close(follower)
    assert done.returncode == 2
    golden = (CHECKOUT / BAD / "slot.txt").read_text(encoding="utf-8")
    assert golden.strip() in shown
