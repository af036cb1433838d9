"""The manifests as `kubectl kustomize` renders them, and what stands in them where."""

import functools
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from daemonset.service_account import FOLDER as ACCOUNT
from tests.services import program

CHECKOUT = Path(__file__).resolve().parent.parent.parent
FOLDER = CHECKOUT / "daemonset" / "manifests"
OVERLAYS = ("standalone", "prometheus-operator", "central", "cluster-view", "logs")
KUSTOMIZATIONS = ("base", *OVERLAYS)

SECRET = b"0123456789abcdef" * 2

Document = dict[str, Any]


@functools.cache
def rendered(name: str) -> str:
    """The base or an overlay, as it is applied."""
    folder = FOLDER / "base" if name == "base" else FOLDER / "overlays" / name
    return kustomized(folder)


def kustomized(folder: Path) -> str:
    """What kubectl makes of a kustomization."""
    command = [program("kubectl", package="kubernetes-client"), "kustomize", str(folder)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def tool(name: str) -> str:
    """One of the tools that hold the manifests. Fails the test where it is missing."""
    path = CHECKOUT / ".venv-manifests" / "bin" / name
    if not path.exists():
        pytest.fail(f"{name} is missing: ./run test installs what is in manifests.lock")
    return str(path)


def documents(name: str) -> list[Document]:
    """The objects of the base or an overlay."""
    # The loader in C makes new ones for each test in a tenth of the time.
    return [document for document in yaml.load_all(rendered(name), Loader=yaml.CSafeLoader) if document]


def of_kind(name: str, *kinds: str) -> list[Document]:
    return [document for document in documents(name) if document["kind"] in kinds]


def workloads(name: str) -> list[Document]:
    """What has pods."""
    return of_kind(name, "DaemonSet", "Deployment", "StatefulSet")


def pod(workload: Document) -> Document:
    """The specification of its pods."""
    spec: Document = workload["spec"]["template"]["spec"]
    return spec


def containers(workload: Document) -> list[Document]:
    return [*pod(workload).get("initContainers", []), *pod(workload)["containers"]]


def ports(workload: Document) -> Mapping[str, int]:
    """The ports of its pods by name."""
    return {port["name"]: port["containerPort"] for one in containers(workload) for port in one.get("ports", [])}


def selects(selector: Document, labels: Mapping[str, str]) -> bool:
    """Whether a selector takes what has these labels."""
    by_value: Mapping[str, str] = selector.get("matchLabels", {})
    among: Sequence[Document] = selector.get("matchExpressions", [])
    assert all(one["operator"] == "In" for one in among)
    return all(labels.get(key) == value for key, value in by_value.items()) and all(
        labels.get(one["key"]) in one["values"] for one in among
    )


def volume_names(workload: Document) -> list[str]:
    """The volumes of its pods, with those that are claimed for each."""
    claimed = [claim["metadata"]["name"] for claim in workload["spec"].get("volumeClaimTemplates", [])]
    return [*claimed, *(volume["name"] for volume in pod(workload).get("volumes", []))]


def config_files(name: str, workload: Document, container: Document) -> Iterator[tuple[str, str]]:
    """The files that a container finds in its ConfigMaps: the full path and the content of each."""
    maps = {one["metadata"]["name"]: one["data"] for one in of_kind(name, "ConfigMap")}
    sources = {one["name"]: one["configMap"]["name"] for one in pod(workload)["volumes"] if "configMap" in one}
    for mount in container["volumeMounts"]:
        if mount["name"] not in sources:
            continue
        data = maps[sources[mount["name"]]]
        if "subPath" in mount:
            yield mount["mountPath"], data[mount["subPath"]]
        else:
            yield from ((f"{mount['mountPath']}/{key}", text) for key, text in data.items())


def mounted_files(name: str, workload: Document, container: Document, authority: bytes) -> dict[str, bytes]:
    """The files that a container finds, by full path: its configuration, and something in each secret that it names.

    `authority` is the certificate of whoever issued certificates, in PEM.
    """
    secrets = {one["name"] for one in pod(workload)["volumes"] if "secret" in one}
    places = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"] if mount["name"] in secrets}
    files = {f"{place}/token": SECRET for name, place in places.items() if name in {"reader", "people"}}
    for path, text in config_files(name, workload, container):
        files[path] = text.encode()
        for secret in re.findall(r"/etc/watchkeep/(?:secrets|tls)/[\w./-]+", text):
            assert any(secret.startswith(f"{place}/") for place in places.values()), f"{secret} is not mounted"
            files[secret] = authority if secret.endswith(".crt") else SECRET
    if pod(workload)["automountServiceAccountToken"]:
        namespace = workload["metadata"]["namespace"].encode()
        files |= {f"{ACCOUNT}/ca.crt": authority, f"{ACCOUNT}/token": SECRET, f"{ACCOUNT}/namespace": namespace}
    return files


def watchkeep(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """The command itself."""
    command = [str(Path(sys.executable).with_name("watchkeep")), *map(str, arguments)]
    return subprocess.run(command, check=False, capture_output=True, text=True)
