"""`./run demo [--once]`: the main job on real input, told so that a newcomer follows it.

With `--once` it ends after the story, with 0 only if it happened; its last line is JSON, read back from what the
stand-ins for the vendors recorded. Without, everything stays up until Ctrl-C.
"""

import signal
import sys
import tempfile
from pathlib import Path

import click

from slo.demo.processes import Processes
from slo.demo.stage import Stage
from slo.demo.story import Story
from slo.errors import WatchkeepError


@click.command()
@click.option("--once", is_flag=True, help="End after the story; the last line is JSON.")
def main(*, once: bool) -> None:
    """Break a service and see the P0 that follows."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="watchkeep-demo-") as folder, Processes(Path(folder)) as processes:
        code = _tell(Path(folder), processes, once=once)
    sys.exit(code)


def _tell(folder: Path, processes: Processes, *, once: bool) -> int:
    stage = Stage(folder, processes)
    story = Story(stage, click.echo)
    try:
        story.set_up()
        happened = story.play()
        if not once:
            click.echo(happened.line())
            _invite(stage)
            signal.pause()
    except (WatchkeepError, OSError) as error:
        click.echo(f"demo: {error}", err=True)
        return 1
    except KeyboardInterrupt:
        click.echo("\nstopping")
        return 130 if once else 0
    click.echo(happened.line())
    return 0 if happened.whole else 1


def _invite(stage: Stage) -> None:
    """What there is to look at and to try."""
    click.echo(f"""
Everything stays up until Ctrl-C. Look at the page, in a browser:

    {stage.url}

and try, in another terminal:

    export WATCHKEEP_TOKEN=$(cat {stage.data / "token"})
    ./run watchkeep status --url {stage.url}
    ./run watchkeep incident open 'Deck is slow' --customer acme --environment production --url {stage.url}
    ./run watchkeep incident list --url {stage.url}
    curl --silent {stage.url}/metrics | grep ^slo_

The letters are in {stage.mailbox.place["letters"]}, the logs of all processes in {stage.folder}.""")


if __name__ == "__main__":
    main()
