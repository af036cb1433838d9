"""MariaDB servers as the tests of the collector need them: with a replica, and as a cluster of Galera."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.databases import MariaDB, as_user, documented, execute, own, succeeds
from tests.services import free_port, program

MANUAL = "collectors/mysql.md"
PASSWORD = "s3cret"
PROVIDER = Path("/usr/lib/galera/libgalera_smm.so")

FOLLOWER = f"CREATE USER follower IDENTIFIED BY '{PASSWORD}'; GRANT REPLICATION SLAVE ON *.* TO follower"

QUICK = "evs.suspect_timeout=PT2S;evs.keepalive_period=PT0.5S;pc.wait_prim_timeout=PT8S"
"""Have nodes notice sooner that others are gone (the usual is five seconds), or that they do not find them."""

STARTS = 3
"""How often a node is started that does not come up: Galera falls over its own threads at times."""


def granted(*languages: str) -> list[str]:
    """The statements of the manual: the user, and what it needs."""
    blocks = [block for language in languages for block in documented(MANUAL, language)]
    return [block.replace("'PASSWORD'", f"'{PASSWORD}'").strip().rstrip(";") for block in blocks]


def follow(replica: MariaDB, primary: MariaDB, *, channel: str = "") -> None:
    """Let one server follow another, whose heartbeats come every second."""
    name = f"'{channel}'" if channel else ""
    replica.run(
        f"CHANGE MASTER {name} TO MASTER_HOST='127.0.0.1', MASTER_PORT={primary.port}, MASTER_USER='follower',"
        f" MASTER_PASSWORD='{PASSWORD}', MASTER_USE_GTID=slave_pos, MASTER_CONNECT_RETRY=1, MASTER_HEARTBEAT_PERIOD=1",
        f"START SLAVE {name}",
    )


def changed(replica: MariaDB, change: str) -> None:
    """Have a server follow in another way. Who says nothing of heartbeats puts them back to every 30 s."""
    replica.run("STOP SLAVE", f"CHANGE MASTER TO {change}, MASTER_HEARTBEAT_PERIOD=1", "START SLAVE")


class Node(MariaDB):
    """A node of a cluster: ready when it has everything that the others have."""

    def __init__(self, command: list[str], *, port: int, folder: Path) -> None:
        super().__init__(command, port=port, folder=folder)
        self._ready = lambda: succeeds(lambda: self.run("SELECT 1")) and self.synced

    def start(self) -> None:
        """Start the node, again where it ends at once."""
        for _ in range(STARTS - 1):
            with contextlib.suppress(pytest.fail.Exception):
                return super().start()
        return super().start()

    @property
    def synced(self) -> bool:
        """Whether it says that it is in step."""
        return "\t4\n" in self.run("SHOW GLOBAL STATUS LIKE 'wsrep_local_state'")


@contextlib.contextmanager
def galera() -> Iterator[list[Node]]:
    """Three nodes of one cluster, ready and in step."""
    assert PROVIDER.exists(), "libgalera_smm.so is missing: ./run test installs the packages of debian-packages.txt"
    program("rsync", package="rsync")
    executable = program("mariadbd", package="mariadb-server")
    install = program("mariadb-install-db", package="mariadb-server")
    with contextlib.ExitStack() as running:
        # Not among the folders of pytest, which are root's alone: the transfer of a state needs another user.
        folder = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="watchkeep-galera-")))
        folder.chmod(0o755)
        pristine = folder / "pristine"
        method = ["--auth-root-authentication-method=normal", "--skip-test-db"]
        user = ["--user=root"] if os.geteuid() == 0 else []
        execute([install, "--no-defaults", f"--datadir={pristine}", f"--tmpdir={folder}", *method, *user])
        bases = [free_port() for _ in range(3)]
        nodes: list[Node] = []
        for number, base in enumerate(bases, 1):
            home, port = folder / f"node{number}", free_port()
            shutil.copytree(pristine, home / "data")
            own(home, "mysql")
            options = (
                f"base_port={base};gmcast.listen_addr=tcp://127.0.0.1:{base};ist.recv_addr=127.0.0.1:{free_port()}"
            )
            command = [
                executable,
                *("--no-defaults", f"--datadir={home / 'data'}", f"--socket={home / 'socket'}", f"--port={port}"),
                *("--bind-address=127.0.0.1", f"--server-id={number}", f"--tmpdir={home}", "--skip-name-resolve"),
                *("--wsrep-on=ON", f"--wsrep-provider={PROVIDER}", f"--wsrep-node-address=127.0.0.1:{base}"),
                "--wsrep-cluster-address=gcomm://" + ",".join(f"127.0.0.1:{each}" for each in bases),
                *("--wsrep-sst-method=rsync", f"--wsrep-sst-receive-address=127.0.0.1:{free_port()}"),
                f"--wsrep-provider-options={options};gcache.size=8M;{QUICK}",
                *("--binlog-format=ROW", "--innodb-autoinc-lock-mode=2", "--innodb-flush-log-at-trx-commit=0"),
                *([] if nodes else ["--wsrep-new-cluster"]),
            ]
            nodes.append(running.enter_context(Node(as_user("mysql", *command), port=port, folder=home)))
        yield nodes
