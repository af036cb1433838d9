"""`watchkeep import` prints a configuration on stdout, and what is not in it on stderr."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

CHECKOUT = Path(__file__).resolve().parent.parent.parent
COMMAND = Path(sys.executable).with_name("watchkeep")
SLOTH = Path("tests/interop/sloth")
OPENSLO = Path("tests/interop/openslo")


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [str(COMMAND), *map(str, arguments)]
    return subprocess.run(command, check=False, capture_output=True, text=True, cwd=CHECKOUT, env={})


@pytest.mark.parametrize(("form", "folder"), [("sloth", SLOTH), ("openslo", OPENSLO)])
def test_the_configuration_is_printed_and_warnings_go_to_stderr(form: str, folder: Path, tmp_path: Path) -> None:
    done = run("import", form, folder / "in-losses.yaml")
    assert done.returncode == 0
    assert done.stdout == (CHECKOUT / folder / "out-losses.yaml").read_text(encoding="utf-8")
    warnings = done.stderr.splitlines()
    assert warnings
    assert all(line.startswith(f"warning: {folder}/in-losses.yaml:") for line in warnings)
    assert all(f"# {line.removeprefix('warning: ')}" in done.stdout for line in warnings)
    config = tmp_path / "watch.yaml"
    config.write_text(done.stdout, encoding="utf-8")
    checked = run("check", "-c", config)
    assert (checked.returncode, checked.stderr) == (0, "")
    assert checked.stdout.endswith("0 warnings\n")


def test_what_is_refused_is_not_printed(tmp_path: Path) -> None:
    file = tmp_path / "in.yaml"
    file.write_text("version: prometheus/v1\nservice: s\nslos: [{name: 5}]\n", encoding="utf-8")
    done = run("import", "sloth", file)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[0] == (
        f"{file}:2:10: service: 's' is no name; write two or more letters, digits, dots, dashes and underscores"
    )
    told = json.loads(run("import", "sloth", file, "--json").stdout)
    assert told["ok"] is False
    assert [fault["path"] for fault in told["faults"]] == [
        "service",
        "slos[0].alerting",
        "slos[0].objective",
        "slos[0].sli",
        "slos[0].name",
    ]


def test_json_has_the_configuration_and_the_warnings() -> None:
    done = run("import", "openslo", OPENSLO / "in-losses.yaml", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    assert told["ok"] is True
    assert told["configuration"] == yaml.safe_load((CHECKOUT / OPENSLO / "out-losses.yaml").read_text(encoding="utf-8"))
    assert {"file", "line", "column", "path", "problem", "mend"} == told["warnings"][0].keys()


def test_files_without_any_slo_that_has_a_counterpart_are_no_success(tmp_path: Path) -> None:
    file = tmp_path / "in.yaml"
    whole = yaml.safe_load((CHECKOUT / SLOTH / "in-losses.yaml").read_text(encoding="utf-8"))
    file.write_text(yaml.safe_dump(whole | {"slos": whole["slos"][:2]}), encoding="utf-8")
    done = run("import", "sloth", file)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith("nothing was imported: no SLO of these files has a counterpart\n")
    assert "warning: " in done.stderr
    done = run("import", "sloth", file, "--json")
    assert done.returncode == 2
    assert json.loads(done.stdout)["configuration"] is None


def test_the_server_and_the_period_are_as_they_are_given() -> None:
    done = run(
        *("import", "sloth", SLOTH / "in-file.yaml", "--server", "thanos", "--server-url", "https://thanos.example"),
        *("--period", "28d"),
    )
    whole = yaml.safe_load(done.stdout)
    assert whole["servers"] == [{"name": "thanos", "url": "https://thanos.example"}]
    assert "--server-url" not in done.stdout
    assert whole["slos"][0]["sli"]["prometheus"]["server"] == "thanos"
    assert whole["slos"][0]["window"] == "28d"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (
            ["--server", "a b"],
            "--server: 'a b' is no name; write up to 100 letters, digits, dots, dashes and underscores",
        ),
        (["--server-url", "thanos:9090"], "--server-url: 'thanos:9090' is no URL of http or https with a host"),
        (["--server-url", "https://me:secret@thanos"], "--server-url: holds credentials, and URLs are shown"),
        (["--period", "soon"], "'soon' is no duration: write it as 30d"),
        (["--period", "7d"], "there are no alert windows for a period of 7d: give --period one of 28d, 30d"),
    ],
)
def test_options_that_mean_nothing_are_told(options: list[str], says: str) -> None:
    done = run("import", "sloth", SLOTH / "in-file.yaml", *options)
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr


def test_an_import_by_counters_is_what_rules_are_written_of(tmp_path: Path) -> None:
    done = run("import", "sloth", SLOTH / "in-windows.yaml", "--counters")
    config = tmp_path / "watch.yaml"
    config.write_text(done.stdout, encoding="utf-8")
    rules = yaml.safe_load(run("rules", "-c", config).stdout)
    recorded = {rule.get("record") for group in rules["groups"] for rule in group["rules"]}
    assert "slo:sli_error:ratio_rate5m" in recorded
