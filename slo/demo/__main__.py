"""`./run demo [--once]`: the main job on real input, told so that a newcomer follows it.

With `--once` it ends after the story, with 0 only if it happened; its last line is JSON, read back from what the
stand-in for PagerDuty recorded. Without, the services and the watch stay up until Ctrl-C.
"""

import signal
import sys
import tempfile
from pathlib import Path

import click

from slo.demo.processes import Processes
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
    story = Story(folder, processes, click.echo)
    try:
        story.set_up()
        happened = story.play()
        if not once:
            click.echo(f"\nThe watch stays up at {story.api} until Ctrl-C; its files are in {folder}.")
            click.echo(f"Try: ./run watchkeep status --url {story.api}")
            signal.pause()
    except WatchkeepError as error:
        click.echo(f"demo: {error}", err=True)
        return 1
    except KeyboardInterrupt:
        click.echo("\nstopping")
        return 130 if once else 0
    click.echo(happened.line())
    return 0 if happened.whole else 1


if __name__ == "__main__":
    main()
