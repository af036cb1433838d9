"""A real Prometheus for benchmarks: blocks of history, the server, and what it answers."""

import json
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks._process import Server, free_port, serving

RETENTION = "60d"
WHOLE_BLOCKS = "--max-block-duration=576h"
"""The fewest blocks that promtool makes of a month: Prometheus reads few large ones at the least cost."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Series:
    """One series of history: its name with labels, as OpenMetrics writes it, and a value at each time."""

    name: str
    times: NDArray[np.float64]
    """Unix seconds, ascending."""
    values: NDArray[np.float64]


def write_blocks(folder: Path, history: Iterable[Series]) -> Path:
    """Make the storage of a Prometheus with this history; the folder to start it on.

    The last block ends with its last sample, so that live scrapes join it.
    """
    text, storage = folder / "history.om", folder / "tsdb"
    with text.open("w", encoding="ascii") as file:
        for series in history:
            pairs = zip(series.times.tolist(), series.values.tolist(), strict=True)
            file.writelines(f"{series.name} {value!r} {at!r}\n" for at, value in pairs)
        file.write("# EOF\n")
    promtool("tsdb", "create-blocks-from", WHOLE_BLOCKS, "openmetrics", str(text), str(storage))
    text.unlink()
    return storage


def promtool(*arguments: str) -> None:
    """Call promtool; ends with what it says where it fails."""
    done = subprocess.run(["promtool", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"promtool {arguments[0]} {arguments[1]}: {done.stdout[-2000:]}{done.stderr[-2000:]}")


@contextmanager
def prometheus(folder: Path, config: Mapping[str, object]) -> Iterator[Server]:
    """Prometheus with this configuration on the storage in `folder`/tsdb."""
    path = folder / "prometheus.yml"
    path.write_text(json.dumps(config), encoding="utf-8")
    listen = f"127.0.0.1:{free_port()}"
    command = [
        "prometheus",
        f"--config.file={path}",
        f"--storage.tsdb.path={folder}/tsdb",
        f"--storage.tsdb.retention.time={RETENTION}",
        f"--web.listen-address={listen}",
    ]
    with serving("prometheus", *command, address=listen, folder=folder) as server:
        yield server


def ask(url: str, path: str, **parameters: str) -> Any:
    """What the API answers: its `data`."""
    query = f"?{urllib.parse.urlencode(parameters)}" if parameters else ""
    with urllib.request.urlopen(f"{url}/api/v1/{path}{query}", timeout=10) as answer:
        return json.load(answer)["data"]


def value(url: str, expression: str) -> float | None:
    """The value of an expression of at most one series; None of no series."""
    result = ask(url, "query", query=expression)["result"]
    return float(result[0]["value"][1]) if result else None
