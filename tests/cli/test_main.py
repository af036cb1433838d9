"""The command starts at once, and every error is its message and its exit code."""

import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from slo.cli.main import COMMANDS, Commands, cli
from slo.errors import ConfigError, ConfigFault, Fault, StoreBusy, UsageError

HEAVY = (
    *("numpy", "pandas", "aiohttp", "sqlalchemy", "alembic", "slack_sdk", "pagerduty", "datadog_api_client"),
    *("prometheus_api_client", "prometheus_client", "uvloop", "rich", "cryptography", "jsonschema", "dns"),
)
RUN = "from slo.cli.main import cli; cli(sys.argv[1:], standalone_mode=False)"
SMALLEST = Path(__file__).parent.parent / "config" / "good" / "smallest.yaml"
COMMAND = Path(sys.executable).with_name("watchkeep")


def modules_after(*arguments: str, folder: Path) -> set[str]:
    """What is loaded when the command has run with these arguments."""
    program = f"import atexit, sys; atexit.register(lambda: print('LOADED', *sys.modules)); {RUN}"
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        check=True,
        capture_output=True,
        text=True,
        cwd=folder,
        env={"PD_ROUTING_KEY": "0a1b2c"},
    )
    return set(done.stdout.rpartition("LOADED ")[2].split())


@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("--version",),
        ("check", "-c", str(SMALLEST)),
        ("run", "--help"),
        ("route", "-c", str(SMALLEST), "--label", "severity=ticket"),
    ],
)
def test_nothing_heavy_is_loaded_for(arguments: tuple[str, ...], tmp_path: Path) -> None:
    loaded = modules_after(*arguments, folder=tmp_path)
    assert "slo.cli.main" in loaded
    assert loaded.isdisjoint(HEAVY)


def test_help_imports_no_command(tmp_path: Path) -> None:
    loaded = modules_after("--help", folder=tmp_path)
    assert loaded.isdisjoint(f"slo.cli.{name}" for name in COMMANDS)
    assert loaded.isdisjoint({"pydantic", "yaml"})


def test_help_shows_every_command_and_each_has_its_own() -> None:
    shown = CliRunner().invoke(cli, ["--help"]).output
    for name, meaning in COMMANDS.items():
        assert f"  {name} " in shown
        assert meaning in shown
        own = CliRunner().invoke(cli, [name, "--help"])
        assert own.exit_code == 0, own.output
        assert own.output.startswith(f"Usage: cli {name}")


def test_every_command_that_prints_a_result_has_json() -> None:
    for name in COMMANDS.keys() - {"run", "agent", "incident", "exclude", "silence", "audit", "forward", "import"}:
        assert "--json" in CliRunner().invoke(cli, [name, "--help"]).output, name


def test_a_command_that_is_not_there_is_answered_with_the_nearest() -> None:
    result = CliRunner().invoke(cli, ["chek"])
    assert result.exit_code == 2
    assert "there is no command chek: did you mean check?" in result.output


FAULTS = [
    ConfigFault(file="a.yaml", line=line, column=1, path="slot", problem="is odd", mend="mend it") for line in (1, 2)
]


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (UsageError("there is no SLO gaet: did you mean gate?"), 2, "there is no SLO gaet: did you mean gate?\n"),
        (ConfigError(FAULTS), 2, "a.yaml:1:1: slot: is odd; mend it\na.yaml:2:1: slot: is odd; mend it\n"),
        (
            ConfigError(
                [ConfigFault(file="a\nb.yaml", line=1, column=1, path="slot", problem="is odd", mend="mend it")]
            ),
            2,
            "a\\nb.yaml:1:1: slot: is odd; mend it\n",
        ),
        (StoreBusy("the process 7 owns /data: stop it"), 1, "the process 7 owns /data: stop it\n"),
        (Fault("connect_refused", "connect"), 1, "connect_refused in connect\n"),
        (UsageError("\x1b[31mred\x07"), 2, "\\x1b[31mred\\x07\n"),
    ],
)
def test_an_error_of_ours_is_its_message_and_its_exit_code(error: Exception, code: int, says: str) -> None:
    @click.command()
    def failing() -> None:
        raise error

    class Failing(Commands):
        def get_command(self, _context: click.Context, _name: str) -> click.Command:
            return failing

    result = CliRunner().invoke(Failing(), ["failing"])
    assert result.exit_code == code
    assert result.stderr == says
    assert result.stdout == ""


def test_a_bug_is_not_taken_for_an_error_of_ours() -> None:
    @click.command()
    def failing() -> None:
        raise ZeroDivisionError

    class Failing(Commands):
        def get_command(self, _context: click.Context, _name: str) -> click.Command:
            return failing

    assert isinstance(CliRunner().invoke(Failing(), ["failing"]).exception, ZeroDivisionError)


def test_the_command_says_its_version() -> None:
    done = subprocess.run([COMMAND, "--version"], check=True, capture_output=True, text=True)
    assert done.stdout == "watchkeep 0.1.0\n"


def test_a_reader_that_leaves_is_no_error_to_talk_about() -> None:
    with subprocess.Popen([COMMAND, "schema"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        assert b"Traceback" not in process.stderr.read()
