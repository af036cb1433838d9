"""`watchkeep doctor` finds what would keep a watch from standing, and says how to mend it."""

import json
import os
import resource
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest
from click.testing import CliRunner

from slo.cli import findings
from slo.cli.main import cli
from tests.services import free_port


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    return folder


def doctor(data: Path, *arguments: str, listen: str = "") -> tuple[int, str]:
    listen = listen or f"127.0.0.1:{free_port()}"
    result = CliRunner().invoke(cli, ["doctor", "--data", str(data), "--listen", listen, *arguments])
    return result.exit_code, result.output


def test_all_is_well_here(data: Path) -> None:
    code, shown = doctor(data)
    assert code == 0, shown
    code, shown = doctor(data, "--json")
    document = json.loads(shown)
    assert code == 0
    assert document["ok"]
    subjects = {check["subject"] for check in document["checks"]}
    assert {
        "python",
        "package probes",
        "pydantic",
        "uvloop",
        "module httptools",
        "data folder",
        "clock",
        "port",
    } <= subjects
    assert all(check["ok"] and not check["mend"] for check in document["checks"])


def test_a_problem_is_told_with_its_mend_and_1(data: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        code, shown = doctor(data, listen=listen)
    assert code == 1
    assert shown.splitlines()[-1] == "port: stop what listens there, or name another with --listen"
    assert f"problem  port" in shown  # noqa: F541  the words of the table
    assert f"{listen}: address already in use" in shown


def test_a_watch_that_already_answers_is_no_problem() -> None:
    class Healthy(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/-/healthy" else 404)
            self.end_headers()

        def log_message(self, *_arguments: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Healthy) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        found = findings.port(f"127.0.0.1:{server.server_port}")
        server.shutdown()
        thread.join()
    assert found.ok
    assert "a watch answers" in found.found


def test_an_address_that_is_none_is_a_wrong_call(data: Path) -> None:
    assert doctor(data, listen="9990") == (2, "--listen 9990: write HOST:PORT, as 127.0.0.1:9990\n")


def test_a_package_that_is_not_ours_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "exporters").mkdir()
    (tmp_path / "exporters" / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.split(".")[0] == "exporters"]:
        monkeypatch.delitem(sys.modules, name)
    problems = {finding.subject: finding for finding in findings.packages() if not finding.ok}
    assert set(problems) == {"package exporters"}
    assert str(tmp_path / "exporters") in problems["package exporters"].found
    assert "an environment of its own" in problems["package exporters"].mend


def test_a_library_that_is_missing_or_of_another_version_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    versions = {"aiohttp": "3.14.5", "numpy": "3.0.0", "rich": "14.9"}

    def version(name: str) -> str:
        if name not in versions:
            raise PackageNotFoundError(name)
        return versions[name]

    wanted = ["aiohttp<4,>=3.14", "numpy>=2.4,<3", "rich>=15.0", 'uvloop<1,>=0.23; sys_platform != "win32"']
    monkeypatch.setattr(findings, "requires", lambda _name: wanted)
    monkeypatch.setattr(findings, "version", version)
    assert [(finding.subject, finding.found, finding.mend) for finding in findings.dependencies()] == [
        ("aiohttp", "3.14.5", ""),
        ("numpy", "3.0.0", "install 'numpy>=2.4,<3'"),
        ("rich", "14.9", "install 'rich>=15.0'"),
        ("uvloop", "is not installed", "install 'uvloop<1,>=0.23'"),
    ]


def test_a_data_folder_that_is_not_there_will_be_made(tmp_path: Path) -> None:
    found = findings.data_folder(tmp_path / "a" / "b")
    assert found.ok
    assert found.found == f"will be made in {tmp_path}"
    assert list(tmp_path.iterdir()) == []


def test_a_data_folder_that_others_may_enter_is_found(data: Path) -> None:
    data.chmod(0o755)
    assert findings.data_folder(data).mend == f"chmod 700 {data}: secrets and the token lie there"


def test_a_data_folder_that_is_a_file_is_found(tmp_path: Path) -> None:
    file = tmp_path / "data"
    file.write_text("")
    found = findings.data_folder(file)
    assert not found.ok
    assert f"{file}: not a directory" in found.found


def test_a_clock_before_what_was_written_is_found(data: Path) -> None:
    ledger = data / "ledger.db"
    ledger.write_text("")
    assert findings.clock(data).ok
    os.utime(ledger, times=(4e9, 4e9))
    found = findings.clock(data)
    assert found.mend == "set the clock, and let NTP keep it"
    assert str(ledger) in found.found


@pytest.mark.parametrize(
    ("hard", "found", "mend"),
    [
        (1024, "1024", "ulimit -Hn 2048, or LimitNOFILE=2048 in the service's unit"),
        (2048, "2048", ""),
        (resource.RLIM_INFINITY, "any number", ""),
    ],
)
def test_too_few_file_descriptors_are_found(monkeypatch: pytest.MonkeyPatch, hard: int, found: str, mend: str) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (64, hard))
    assert (findings.file_descriptors().found, findings.file_descriptors().mend) == (found, mend)
