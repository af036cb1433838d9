"""The command `watchkeep`: finds the subcommand, and turns every error of ours into its message and exit code.

Exit codes: 0 done, and no budget overspent; 1 a budget is overspent or a check failed; 2 usage or configuration error.
"""

import difflib
import importlib
import io
import keyword
import sys
from typing import Any

import click

from slo.cli.output import say
from slo.errors import ConfigError, UsageError, WatchkeepError

COMMANDS = {
    "run": "Stand the watch: probe, judge, page.",
    "agent": "Check what runs on a node, and report it.",
    "check": "Validate a configuration, with all its errors at once.",
    "status": "Show every SLO: state, SLI, budget left, burn rates.",
    "probe": "Probe one target now and say why it failed.",
    "replay": "Run the engine over recorded counters.",
    "backtest": "Run the engine over a server's history.",
    "explain": "Say in sentences what an SLO promises and what pages when.",
    "incident": "List, show, acknowledge and resolve incidents.",
    "route": "Say who is told of an alert, and why.",
    "silence": "Tell nobody of some alerts for a time.",
    "exclude": "Exclude time, such as maintenance, from every figure.",
    "forward": "See what waits to be forwarded, and retry what was refused.",
    "audit": "Check the record of what happened, or hand it out.",
    "backup": "Copy the data of a watch while it runs.",
    "restore": "Put a backup into a new data folder.",
    "doctor": "Check this installation and this machine.",
    "schema": "Print the JSON Schema of the configuration.",
    "rules": "Print Prometheus rules of these SLOs.",
    "import": "Print SLOs of Sloth or OpenSLO as a configuration.",
    "dashboards": "Print dashboards for Grafana, Datadog or Kibana.",
}
"""The subcommands with their short help: each is `command` in the module of its name in `slo.cli`.

Where the name is a keyword of Python, the name of the module has an underscore behind it.
"""


class Commands(click.Group):
    """A group that imports a subcommand when it is called, and only then."""

    def list_commands(self, _context: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name in COMMANDS:
            module = f"{name}_" if keyword.iskeyword(name) else name
            command: click.Command = importlib.import_module(f"slo.cli.{module}").command
            return command
        close = difflib.get_close_matches(name, COMMANDS, n=1)
        mend = f"did you mean {close[0]}?" if close else f"the commands are {', '.join(COMMANDS)}"
        return context.fail(f"there is no command {name}: {mend}")

    def format_commands(self, _context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, context: click.Context) -> Any:
        """Run the subcommand. Errors of ours become messages here, and nothing else does: the rest are bugs."""
        try:
            return super().invoke(context)
        except WatchkeepError as error:
            for line in error.faults if isinstance(error, ConfigError) else str(error).split("\n"):
                say(str(line), err=True)
            context.exit(2 if isinstance(error, (UsageError, ConfigError)) else 1)


def _show_version(context: click.Context, _option: click.Parameter, asked: bool) -> None:  # noqa: FBT001  click's shape
    if asked and not context.resilient_parsing:
        from importlib.metadata import version

        click.echo(f"watchkeep {version('watchkeep')}")
        context.exit()


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_show_version, help="Print the version."
)
def cli() -> None:
    """Watchkeep stands the watch over a managed service and keeps its error budgets."""


def main() -> None:
    """The entry point of the command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    cli(prog_name="watchkeep")


if __name__ == "__main__":
    main()
