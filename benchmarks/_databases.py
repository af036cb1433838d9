"""What the benchmark of collectors asks: a Redis, a MariaDB and a PostgreSQL that have something to tell, on a core of
their own.
"""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks._process import START_SECONDS, free_port, started

PACKAGES = ("redis-server", "mariadb-server", "postgresql")

COMMANDS = """
SET a 1|GET a|INCR n|DECR n|INCRBY n 3|APPEND a x|STRLEN a|MSET b 1 c 2|MGET a b c|GETSET a 5|SETEX e 900 1|TTL e
EXPIRE b 900|LPUSH l 1 2 3|RPUSH l 4|LPOP l|RPOP l|LLEN l|LRANGE l 0 -1|LINDEX l 0|SADD s 1 2 3|SREM s 1|SCARD s
SMEMBERS s|SISMEMBER s 2|HSET h a 1 b 2|HGET h a|HGETALL h|HDEL h a|HLEN h|HINCRBY h b 2|ZADD z 1 a 2 b
ZRANGE z 0 -1|ZSCORE z a|ZREM z a|ZCARD z|ZINCRBY z 1 b|PFADD p a b|PFCOUNT p|SETBIT bits 7 1|GETBIT bits 7
BITCOUNT bits|XADD x * a 1|XLEN x|XRANGE x - +|EXISTS a|TYPE a|DEL c|KEYS *|SCAN 0|PUBLISH there 1|PING|ECHO 1|TIME
DBSIZE|RENAME a d|PERSIST e|RANDOMKEY|OBJECT ENCODING d|MEMORY USAGE d|DUMP d|CLIENT LIST
"""

TABLES = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Database:
    """A server that runs at 127.0.0.1."""

    port: int
    pid: int

    @property
    def processes(self) -> list[int]:
        """All its processes: a PostgreSQL has one for each connection."""
        return [self.pid, *map(int, Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split())]


@contextmanager
def redis(folder: Path, core: int, *, address: str = "127.0.0.1") -> Iterator[Database]:
    """A Redis that has been asked every command of a list."""
    port = free_port()
    quiet = ["--save", "", "--appendonly", "no", "--dir", str(folder)]
    command = ["redis-server", "--port", str(port), "--bind", *address.split(), *quiet]
    with started("taskset", "-c", str(core), *command, log=folder / f"redis-{port}.log") as process:
        client = ["redis-cli", "-h", "127.0.0.1", "-p", str(port)]
        _wait("redis-server", [*client, "PING"])
        for database in ("0", "3"):
            for asked in COMMANDS.replace("\n", "|").strip("|").split("|"):
                subprocess.run([*client, "-n", database, *asked.split()], check=True, capture_output=True, timeout=20)
        yield Database(port=port, pid=process.pid)


@contextmanager
def mariadb(folder: Path, core: int) -> Iterator[Database]:
    """A MariaDB, whose user `watch` has the password `watch`."""
    port, data, socket = free_port(), folder / "mariadb", folder / "mariadb.sock"
    user = ["--user=root"] if os.geteuid() == 0 else []
    method = ["--auth-root-authentication-method=normal", "--skip-test-db"]
    install = ["mariadb-install-db", "--no-defaults", f"--datadir={data}", *method, *user]
    subprocess.run(install, check=True, capture_output=True, timeout=120)
    options = [f"--datadir={data}", f"--port={port}", f"--socket={socket}", "--bind-address=127.0.0.1"]
    server = [_program("mariadbd"), "--no-defaults", *user, *options, "--server-id=1", "--log-bin=bin"]
    with started("taskset", "-c", str(core), *server, "--performance-schema=ON", log=folder / "mariadb.log") as process:
        client = ["mariadb", "--no-defaults", f"--socket={socket}", "--user=root", "-e"]
        _wait("mariadbd", [*client, "SELECT 1"])
        statements = ["CREATE USER watch@'127.0.0.1' IDENTIFIED BY 'watch'", "CREATE DATABASE shop"]
        statements.append("GRANT PROCESS, SLAVE MONITOR, BINLOG MONITOR, SELECT ON *.* TO watch@'127.0.0.1'")
        statements += [f"CREATE TABLE shop.t{number} (a INT PRIMARY KEY)" for number in range(TABLES)]
        for statement in statements:
            subprocess.run([*client, statement], check=True, capture_output=True, timeout=20)
        yield Database(port=port, pid=process.pid)


@contextmanager
def postgres(core: int) -> Iterator[Database]:
    """A PostgreSQL, whose user `watch` has the password `watch` and the role pg_monitor."""
    programs = max(Path("/usr/lib/postgresql").glob("*/bin/postgres")).parent
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="watchkeep-bench-") as place:
        folder = Path(place)
        data, as_user = folder / "data", ["taskset", "-c", str(core)]
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres", "postgres")
            as_user += ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        fresh = [str(programs / "initdb"), "-D", str(data), "-A", "trust", "-U", "postgres", "--no-sync"]
        subprocess.run([*as_user, *fresh], check=True, capture_output=True, timeout=120, cwd=place)
        settings = ["-c", f"unix_socket_directories={folder}", "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]
        server = [str(programs / "postgres"), "-D", str(data), "-p", str(port), *settings]
        with started(*as_user, *server, log=folder.with_suffix(".log")) as process:
            client = ["psql", "-X", "-h", str(folder), "-p", str(port), "-U", "postgres", "-c"]
            _wait("postgres", [*client, "SELECT 1"])
            statements = ["CREATE ROLE watch LOGIN PASSWORD 'watch'", "GRANT pg_monitor TO watch"]
            statements += [f"CREATE TABLE t{number} (a INT PRIMARY KEY)" for number in range(TABLES)]
            statements += [f"CREATE DATABASE shop{number}" for number in range(3)]
            for statement in statements:
                subprocess.run([*client, statement], check=True, capture_output=True, timeout=20)
            yield Database(port=port, pid=process.pid)


def _wait(name: str, command: Sequence[str]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while subprocess.run(command, capture_output=True, timeout=20, check=False).returncode:
        if time.monotonic() > deadline:
            raise SystemExit(f"{name} did not answer within {START_SECONDS} s")
        time.sleep(0.1)


def _program(name: str) -> str:
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") or name
