"""The nginx before the watch, as the overlay `central` configures it: real, before a real watch."""

import json
import os
import re
import ssl
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError

import pytest
import trustme

from exporters.forwarders.central import Config, build
from slo.core.delivery import Retry, Sent, Verdict
from slo.core.telemetry import Rank, Record
from slo.net.context import Context
from slo.runner.clock import SteadyClock
from tests.daemonset.manifests import FOLDER
from tests.e2e.stage import Watch
from tests.services import Service, free_port, program

TOKEN = "what agents show to a watch"
CONFIG = (FOLDER / "overlays" / "central" / "config" / "nginx.conf").read_text(encoding="utf-8")


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[Watch]:
    """A watch that watches a job, and nothing else."""
    with Watch(tmp_path, free_port()) as watch:
        job = {"name": "nightly", "type": "heartbeat", "target": "nightly", "every": "1h", "grace": "1h"}
        watch.configure({"probes": [job | {"token": "0123456789abcdef"}], "agents": {"token": TOKEN}})
        watch.start()
        yield watch


def certified(folder: Path) -> trustme.CA:
    """Put a certificate of a new authority where nginx reads it."""
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    issued.cert_chain_pems[0].write_to_path(folder / "tls.crt")
    issued.private_key_pem.write_to_path(folder / "tls.key")
    return authority


@pytest.fixture
def nginx(tmp_path: Path, watch: Watch) -> Iterator[Service]:
    """Nginx with that configuration at free ports, with its files in a folder of the test."""
    port, folder = free_port(), tmp_path / "nginx"
    folder.mkdir()
    certified(folder)
    here = {
        "9443": str(port),
        "http://127.0.0.1:9990": watch.url,
        "/etc/watchkeep/tls": str(folder),
        "/tmp": str(folder),
    }
    config = re.sub("|".join(map(re.escape, here)), lambda found: here[found[0]], CONFIG)
    (folder / "nginx.conf").write_text(config, encoding="utf-8")
    user = " user root;" if os.geteuid() == 0 else ""  # in its pod it is nobody else either
    command = [program("nginx", package="nginx"), "-c", str(folder / "nginx.conf"), "-g", f"daemon off;{user}"]
    with Service(command, port=port, folder=folder) as service:
        yield service


def asked(service: Service, path: str, authority: trustme.CA, token: str = "") -> int:
    """The status of the answer, from whoever this authority vouches for."""
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(f"https://127.0.0.1:{service.port}{path}", headers=headers)
    try:
        with urllib.request.urlopen(request, context=trusting, timeout=10) as answer:
            status: int = answer.status
            return status
    except HTTPError as error:
        with error:
            return error.code


def test_the_watch_is_reached_over_tls_and_trusts_nobody_for_coming_from_there(nginx: Service, watch: Watch) -> None:
    authority = certified(nginx.folder)
    token = (watch.data / "token").read_text(encoding="utf-8").strip()
    assert asked(nginx, "/-/ready", authority) == 200
    assert asked(nginx, "/metrics", authority) == 401
    assert asked(nginx, "/metrics", authority, token) == 200


async def test_what_agents_report_gets_through_with_the_token_of_agents_alone(nginx: Service, tmp_path: Path) -> None:
    certified(nginx.folder).cert_pem.write_to_path(tmp_path / "ca.crt")
    record = {"gone": {"check": "nightly", "target": "t" * 4_000, "at": "2026-01-01T00:00:00+00:00"}}
    verdicts: list[Verdict] = []
    for token in (TOKEN, "what nobody has to show"):
        keys = {"url": f"https://127.0.0.1:{nginx.port}", "token": token, "tls": {"ca_file": str(tmp_path / "ca.crt")}}
        to = build(Config.model_validate(keys), Context.default(SteadyClock()))
        to.report_as("n1", "b1")
        body = json.dumps(record).encode()
        records = [Record(number=number, rank=Rank.OUTCOME, at=0.0, body=body) for number in range(1, 126)]
        verdicts += await to.send(to.encode(records))
    taken, refused = verdicts
    assert isinstance(taken, Sent)
    assert isinstance(refused, Retry)
    assert refused.reason == "auth_refused"


def test_a_new_certificate_is_shown_without_a_restart(nginx: Service) -> None:
    first = certified(nginx.folder)
    assert asked(nginx, "/-/ready", first) == 200
    second = certified(nginx.folder)
    assert asked(nginx, "/-/ready", second) == 200
    with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
        asked(nginx, "/-/ready", first)
