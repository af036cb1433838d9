"""Debian's Alertmanager, as a running server."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from benchmarks._process import Server, free_port, serving

PACKAGE = "prometheus-alertmanager"


@contextmanager
def alertmanager(folder: Path, config: Mapping[str, object]) -> Iterator[Server]:
    """Alertmanager with this configuration, and with its data in `folder`."""
    path, listen = folder / "alertmanager.yml", f"127.0.0.1:{free_port()}"
    path.write_text(json.dumps(config), encoding="utf-8")  # YAML is a superset of JSON
    command = [
        PACKAGE,
        f"--config.file={path}",
        f"--storage.path={folder}/alertmanager",
        f"--web.listen-address={listen}",
        "--cluster.listen-address=",
    ]
    with serving("alertmanager", *command, address=listen, folder=folder) as server:
        yield server
