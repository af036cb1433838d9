"""Starts the image as Kubernetes would: user 10001, no rights, a root file system that is read-only, and its manifests.

    python -m tests.daemonset.image_trial ROOT        as root; ./run image does so

ROOT is the root file system of the image. Kubernetes makes the places where volumes are mounted; here they are made in
it.
"""

import asyncio
import contextlib
import logging
import os
import signal
import subprocess
import sys
import tempfile
from asyncio.subprocess import Process
from collections.abc import Mapping
from pathlib import Path

import trustme
from aiohttp import ClientError, ClientSession

from daemonset.pods import PATH as PODS
from daemonset.service_account import FOLDER as ACCOUNT
from tests.certificates import server_context
from tests.daemonset.api_server import HOST, TOKEN, APIServer
from tests.daemonset.manifests import Document, containers, mounted_files, workloads
from tests.services import free_port

SECONDS = 60.0

CONFINED = """
root=$1; shift
mount --bind "$root" "$root"
mount -t tmpfs -o mode=1777,size=64m tmpfs "$root/tmp"
mount -t tmpfs -o mode=0770,uid=10001,gid=10001,size=256m tmpfs "$root/var/lib/watchkeep"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -o remount,bind,ro "$root"
exec chroot "$root" /usr/bin/setpriv --reuid=10001 --regid=10001 --clear-groups --no-new-privs --inh-caps=-all \
    --bounding-set=-all "$@"
"""
"""What stands between the image and this machine: mounts and processes of its own, and no way to more rights."""

INSIDE = r"""
import errno, os, pathlib, re
status = pathlib.Path("/proc/self/status").read_text()
assert (os.getuid(), os.getgid(), os.getgroups()) == (10001, 10001, []), "another user"
assert re.search(r"^NoNewPrivs:\t1$", status, re.M), "it may get more rights"
assert not re.search(r"^Cap(Prm|Eff|Bnd):\t0*[1-9a-f]", status, re.M), "it has capabilities"
assert os.statvfs("/").f_flag & os.ST_RDONLY, "its root file system is not read-only"
for place in ("/", "/etc", "/opt/watchkeep", "/usr/bin"):
    try:
        pathlib.Path(place, "written").write_text("x")
    except OSError as error:
        assert error.errno in (errno.EROFS, errno.EACCES), error
    else:
        raise SystemExit(f"{place} can be written")
for place in ("/tmp", "/var/lib/watchkeep"):
    pathlib.Path(place, "written").write_text("x")
    pathlib.Path(place, "written").unlink()
left = [path for path in ("/etc/apt/sources.list", "/var/lib/apt/lists", "/build") if pathlib.Path(path).exists()]
assert not left, f"of the building there is left: {left}"
for folder, _, files in os.walk("/usr"):
    for name in files:
        path = pathlib.Path(folder, name)
        assert path.is_symlink() or not path.stat().st_mode & 0o6000, f"{path} gives rights"
"""


def inside(root: Path, environment: Mapping[str, str], *command: str) -> list[str]:
    """The command that starts a command in the image."""
    path = "PATH=/opt/watchkeep/bin:/usr/bin:/bin"
    variables = [path, "PYTHONDONTWRITEBYTECODE=1", *(f"{name}={value}" for name, value in environment.items())]
    apart = ["unshare", "--mount", "--pid", "--fork", "--kill-child=TERM", "sh", "-euc", CONFINED, "sh", str(root)]
    return [*apart, "/usr/bin/env", "-i", *variables, *command]


def said(root: Path, *command: str) -> str:
    """What a command says that has to succeed."""
    done = subprocess.run(inside(root, {}, *command), check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


async def started(root: Path, workload: Document, environment: Mapping[str, str]) -> None:
    """Start the first container of a workload with its files, wait until it is ready, and ask it to end."""
    container = containers(workload)[0]
    probe, port = container["readinessProbe"]["httpGet"]["path"], free_port()
    arguments = [f"--listen={HOST}:{port}" if "--listen" in each else each for each in container["args"]]
    with tempfile.TemporaryFile() as log:
        process = await asyncio.create_subprocess_exec(
            *inside(root, environment, "watchkeep", *arguments),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            await lived(process, f"http://{HOST}:{port}{probe}", pod_seconds(workload))
        except (AssertionError, TimeoutError):
            log.seek(0)
            sys.stderr.write(log.read().decode(errors="replace"))
            raise
        finally:
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)
                await process.wait()


async def lived(process: Process, url: str, seconds: float) -> None:
    """Wait until it is ready, ask it to end, and wait until it has ended."""
    async with asyncio.timeout(SECONDS), ClientSession() as session:
        while not await ready(session, url):
            assert process.returncode is None, f"it ended with {process.returncode}"
            await asyncio.sleep(0.1)
    end(process.pid)
    status = await asyncio.wait_for(process.wait(), seconds)
    assert status == 0, f"it ended with {status} when it was asked to"


async def ready(session: ClientSession, url: str) -> bool:
    with contextlib.suppress(ClientError):
        async with session.get(url) as answer:
            return answer.status == 200
    return False


def pod_seconds(workload: Document) -> float:
    """How long its pods have to end."""
    seconds: float = workload["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    return seconds


def end(pid: int) -> None:
    """SIGTERM to the process in the image: the only child of `unshare`, the first of its own processes."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    for child in children:
        os.kill(int(child), signal.SIGTERM)


def place(root: Path, files: Mapping[str, bytes]) -> None:
    """Put files where Kubernetes would mount them, for everybody to read."""
    for path, content in files.items():
        file = root / path.lstrip("/").replace("var/run/", "run/")  # a link there, which would lead out of it
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        file.chmod(0o644)


def tell(sentence: str) -> None:
    sys.stdout.write(f"{sentence}\n")
    sys.stdout.flush()


async def main(root: Path) -> None:
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)  # it would tell of the WATCH that an agent leaves
    tell(f"          {said(root, 'watchkeep', '--version')}")
    said(root, "/opt/watchkeep/bin/python", "-c", INSIDE)
    tell("          user 10001, no capabilities; / is read-only, /tmp and /var/lib/watchkeep are not")
    authority = trustme.CA()
    async with APIServer(tls=server_context(authority, HOST)) as server:
        account = {f"{ACCOUNT}/token": TOKEN.encode()}
        address = {"KUBERNETES_SERVICE_HOST": HOST, "KUBERNETES_SERVICE_PORT": server.url.rpartition(":")[2]}
        pod = {"NODE_NAME": "n1", "POD_NAMESPACE": "watchkeep"}
        for overlay in ("cluster-view", "base"):
            (workload,) = workloads(overlay)
            place(root, mounted_files(overlay, workload, containers(workload)[0], authority.cert_pem.bytes()) | account)
            await started(root, workload, address | pod)
            tell(f"          {workload['metadata']['name']}: ready, and ended when it was asked to")
        asked = [request.verb for request in server.asked if request.path == PODS]
        assert asked[:2] == ["list", "watch"], f"the agent did not follow the pods of its node, but asked {asked}"


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
