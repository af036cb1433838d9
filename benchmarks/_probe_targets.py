"""What the benchmark of probes asks: an nginx over HTTP and over TLS 1.3 with a P-256 key, on a core of its own."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme

from benchmarks._process import free_port, serving

PACKAGES = ("nginx", "prometheus-blackbox-exporter")

CONFIG = """
daemon off; master_process off; pid {folder}/pid; error_log stderr;
events {{ worker_connections 8192; }}
http {{
    access_log off; keepalive_timeout 0;
    client_body_temp_path {folder}/1; proxy_temp_path {folder}/2; fastcgi_temp_path {folder}/3;
    uwsgi_temp_path {folder}/4; scgi_temp_path {folder}/5;
    server {{
        listen 127.0.0.1:{http} backlog=4096;
        listen 127.0.0.1:{https} ssl backlog=4096;
        ssl_certificate {folder}/server.pem; ssl_certificate_key {folder}/server.pem;
        ssl_protocols TLSv1.3; ssl_session_cache off; ssl_session_tickets off;
        location / {{ default_type application/json; return 200 '{{"status":"UP"}}'; }}
    }}
}}
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Targets:
    """The ports of the one nginx, its process, and the file of the authority of its certificate."""

    pid: int
    http: int
    https: int
    authority: Path

    def of(self, prober: str) -> str:
        """The target of a prober: `http`, `https` or `tcp`."""
        return {
            "http": f"http://127.0.0.1:{self.http}/",
            "https": f"https://127.0.0.1:{self.https}/",
            "tcp": f"127.0.0.1:{self.http}",
        }[prober]

    def modules(self) -> str:
        """The blackbox.yml of these targets. YAML is a superset of JSON."""
        own: dict[str, object] = {"preferred_ip_protocol": "ip4"}
        tls = {"tls_config": {"ca_file": str(self.authority)}}
        return json.dumps(
            {
                "modules": {
                    "http": {"prober": "http", "timeout": "5s", "http": own},
                    "https": {"prober": "http", "timeout": "5s", "http": own | tls},
                    "tcp": {"prober": "tcp", "timeout": "5s", "tcp": own},
                }
            }
        )


@contextmanager
def targets(folder: Path, core: int) -> Iterator[Targets]:
    """Served until the block ends."""
    authority = trustme.CA()
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(folder / "server.pem"))
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    http, https = free_port(), free_port()
    config = folder / "nginx.conf"
    config.write_text(CONFIG.format(folder=folder, http=http, https=https), encoding="utf-8")
    nginx = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") or "nginx"
    command = ["taskset", "-c", str(core), nginx, "-p", str(folder), "-e", "stderr", "-c", str(config)]
    with serving("nginx", *command, address=f"127.0.0.1:{http}", folder=folder, ready="/") as server:
        yield Targets(pid=server.pid, http=http, https=https, authority=folder / "ca.pem")
