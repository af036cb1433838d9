"""Who we are in the cluster: the files that Kubernetes puts into a pod, and where its API server is."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from slo.errors import UsageError

FOLDER = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where a pod finds the token of its service account, and the authority of its cluster."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ServiceAccount:
    """The API server, and what shows it who asks.

    `url` has no path. `token_file` is read anew for every request, since tokens live for an hour; `ca_file` when it
    changes, None for the system's authorities. `namespace` is that of the pod, empty where nobody says it.
    """

    url: str
    token_file: Path
    ca_file: Path | None = None
    namespace: str = ""

    @classmethod
    def of_pod(cls, environ: Mapping[str, str], folder: Path = FOLDER, *, url: str | None = None) -> "ServiceAccount":
        """The one of the pod that this process runs in, at `url` or where the pod's environment says.

        Raises UsageError where it runs in none.
        """
        host, port = environ.get("KUBERNETES_SERVICE_HOST", ""), environ.get("KUBERNETES_SERVICE_PORT", "")
        if url is None and not (host and port):
            raise UsageError(
                "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set: this is no pod of Kubernetes; run"
                " the agent from its manifests, or name the API server with --api-server"
            )
        token = folder / "token"
        if not token.is_file():
            raise UsageError(f"there is no {token}: set automountServiceAccountToken: true for the agent's pods")
        authority, namespace = folder / "ca.crt", folder / "namespace"
        return cls(
            url=url or (f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"),
            token_file=token,
            ca_file=authority if url is None or authority.is_file() else None,
            namespace=namespace.read_text(encoding="ascii").strip() if namespace.is_file() else "",
        )
