"""The manifests hold: before Kubernetes' own schemas, before checkov, and in what neither of them sees."""

import importlib
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
import yaml

from daemonset.lease import Leases
from daemonset.pods import RULE as PODS
from tests.daemonset.manifests import (
    CHECKOUT,
    FOLDER,
    KUSTOMIZATIONS,
    OVERLAYS,
    Document,
    config_files,
    containers,
    documents,
    mounted_files,
    of_kind,
    pod,
    ports,
    rendered,
    selects,
    tool,
    volume_names,
    watchkeep,
    workloads,
)

VERSIONS = ("1.34", "1.35", "1.36", "1.37")
"""The versions of Kubernetes that are supported: the newest four that there are schemas of."""

WITHOUT_SCHEMA = ("PodMonitor", "PrometheusRule")
"""Kinds of the Prometheus operator, which Kubernetes has no schemas of."""

WAIVED = {"CKV_K8S_11": {"agent", "cluster-view", "watch"}, "CKV_K8S_38": {"agent", "cluster-view"}}
"""What checkov would have otherwise, and of whom: a limit of CPU, and no token of a service account."""

DOWNWARD = {"NODE_NAME": "spec.nodeName", "POD_NAMESPACE": "metadata.namespace"}
"""What our processes ask for of what a pod knows of itself."""

EACH = [(name, workload) for name in KUSTOMIZATIONS for workload in workloads(name)]
each_workload = pytest.mark.parametrize(
    ("name", "workload"), EACH, ids=[f"{name}-{one['metadata']['name']}" for name, one in EACH]
)


def component(document: Document) -> str:
    found: str = document["metadata"]["labels"]["app.kubernetes.io/component"]
    return found


# What others say of them


def test_every_overlay_is_tested() -> None:
    assert sorted(folder.name for folder in (FOLDER / "overlays").iterdir()) == sorted(OVERLAYS)


def validated(folder: Path, version: str, **files: str) -> subprocess.CompletedProcess[str]:
    """What kubernetes-validate says of these files, without the kinds that it cannot know."""
    for name, text in files.items():
        known = [one for one in yaml.safe_load_all(text) if one["kind"] not in WITHOUT_SCHEMA]
        (folder / f"{name}.yaml").write_text(yaml.safe_dump_all(known), encoding="utf-8")
    paths = [str(folder / f"{name}.yaml") for name in files]
    command = [tool("kubernetes-validate"), "--strict", "-k", version, *paths]
    return subprocess.run(command, check=False, capture_output=True, text=True)


@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_would_take_every_overlay(version: str, tmp_path: Path) -> None:
    done = validated(tmp_path, version, **{name: rendered(name) for name in KUSTOMIZATIONS})
    said = (done.stdout + done.stderr).splitlines()
    assert [line for line in said if not line.startswith("INFO")] == []
    assert done.returncode == 0
    known = [one for name in KUSTOMIZATIONS for one in documents(name) if one["kind"] not in WITHOUT_SCHEMA]
    assert len(said) == len(known)


def test_a_misspelt_key_is_found(tmp_path: Path) -> None:
    text = rendered("standalone")
    misspelt = text.replace("readOnlyRootFilesystem", "readOnlyRootFileSystem")
    assert misspelt != text
    done = validated(tmp_path, VERSIONS[-1], misspelt=misspelt)
    assert done.returncode != 0
    assert "'readOnlyRootFileSystem' was unexpected" in done.stdout + done.stderr


def test_checkov_finds_nothing_but_what_is_waived_with_a_reason(tmp_path: Path) -> None:
    for name in KUSTOMIZATIONS:
        (tmp_path / f"{name}.yaml").write_text(rendered(name), encoding="utf-8")
    unsafe = rendered("base").replace("readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false")
    (tmp_path / "unsafe.yaml").write_text(unsafe, encoding="utf-8")
    command = [tool("checkov"), "--framework", "kubernetes", "--directory", str(tmp_path), "--output", "json"]
    offline = ["--skip-download", "--compact"]
    done = subprocess.run([*command, *offline], check=False, capture_output=True, text=True)
    report = json.loads(done.stdout)
    found = report["results"]
    assert {(one["file_path"], one["check_id"]) for one in found["failed_checks"]} == {("/unsafe.yaml", "CKV_K8S_22")}
    assert report["summary"]["parsing_errors"] == 0
    assert {one["file_path"] for one in found["passed_checks"]} == {
        f"/{name}.yaml" for name in (*KUSTOMIZATIONS, "unsafe")
    }
    waived = {(one["check_id"], one["resource"].rpartition("watchkeep-")[2]) for one in found["skipped_checks"]}
    assert waived == {(check, whose) for check, several in WAIVED.items() for whose in several}
    assert all(len(one["check_result"]["suppress_comment"]) > 50 for one in found["skipped_checks"])


# What the API server holds pods to


def unrestricted(spec: Document) -> list[str]:
    """What the restricted Pod Security Standard refuses of a pod, field by field."""
    whole = spec.get("securityContext", {})
    faults = [key for key in ("hostNetwork", "hostPID", "hostIPC") if spec.get(key)]
    if whole.get("runAsNonRoot") is not True or whole.get("runAsUser") in (None, 0):
        faults.append("user")
    if whole.get("seccompProfile", {}).get("type") != "RuntimeDefault":
        faults.append("seccompProfile")
    permitted = {
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "persistentVolumeClaim",
        "projected",
        "secret",
    }
    faults += [f"volume {one['name']}" for one in spec.get("volumes", []) if not (set(one) - {"name"}) <= permitted]
    for container in [*spec.get("initContainers", []), *spec["containers"]]:
        own = container.get("securityContext", {})
        if own.get("allowPrivilegeEscalation") is not False:
            faults.append("allowPrivilegeEscalation")
        if own.get("capabilities") != {"drop": ["ALL"]}:
            faults.append("capabilities")
        faults += [
            key for key in ("privileged", "procMount", "runAsUser", "runAsNonRoot", "seccompProfile") if key in own
        ]
        faults += [f"port {port['hostPort']}" for port in container.get("ports", []) if "hostPort" in port]
    return faults


@each_workload
def test_pods_are_restricted_except_where_logs_are_read(name: str, workload: Document) -> None:
    assert unrestricted(pod(workload)) == (["volume logs"] if name == "logs" else [])


@pytest.mark.parametrize(
    ("key", "value", "fault"),
    [
        ("hostNetwork", True, "hostNetwork"),
        ("hostPID", True, "hostPID"),
        ("securityContext", {"runAsNonRoot": True, "runAsUser": 10001}, "seccompProfile"),
        ("securityContext", {"seccompProfile": {"type": "RuntimeDefault"}}, "user"),
        ("volumes", [{"name": "node", "hostPath": {"path": "/"}}], "volume node"),
        ("containers", [{"securityContext": {"capabilities": {"drop": ["ALL"]}}}], "allowPrivilegeEscalation"),
        ("containers", [{"securityContext": {"allowPrivilegeEscalation": False}}], "capabilities"),
    ],
)
def test_what_is_not_restricted_is_found(key: str, value: object, fault: str) -> None:
    (agent,) = workloads("base")
    assert unrestricted(pod(agent) | {key: value}) == [fault]


@pytest.mark.parametrize("name", KUSTOMIZATIONS)
def test_the_namespace_holds_pods_to_it(name: str) -> None:
    for namespace in of_kind(name, "Namespace"):
        labels = namespace["metadata"]["labels"]
        held = [labels[f"pod-security.kubernetes.io/{mode}"] for mode in ("enforce", "audit", "warn")]
        assert held == ["privileged" if name == "logs" else "restricted", "restricted", "restricted"]
    assert {one["metadata"].get("namespace", "watchkeep") for one in documents(name)} == {"watchkeep"}


@each_workload
def test_a_pod_writes_where_it_may_and_takes_no_more_than_its_share(name: str, workload: Document) -> None:
    for container in containers(workload):
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert set(container["resources"]["limits"]) == {"memory"}
        assert set(container["resources"]["requests"]) == {"cpu", "memory"}
        assert re.fullmatch(r"[\w./-]+:[\w.-]+@sha256:[0-9a-f]{64}", container["image"])
        assert "/tmp" in {mount["mountPath"] for mount in container["volumeMounts"]}
    assert all(one["emptyDir"]["sizeLimit"] for one in pod(workload)["volumes"] if "emptyDir" in one)
    assert all(one["secret"]["defaultMode"] == 0o440 for one in pod(workload)["volumes"] if "secret" in one)


# What belongs together


@each_workload
def test_every_mount_has_its_volume_and_every_volume_is_mounted(name: str, workload: Document) -> None:
    mounted = {mount["name"] for container in containers(workload) for mount in container["volumeMounts"]}
    assert sorted(mounted) == sorted(volume_names(workload))
    for container in containers(workload):
        assert list(config_files(name, workload, container))
        places = [mount["mountPath"] for mount in container["volumeMounts"]]
        assert len(places) == len(set(places))


@each_workload
def test_ports_agree(name: str, workload: Document) -> None:
    listening = {argument for one in containers(workload) for argument in one.get("args", []) if "--listen" in argument}
    assert listening == {f"--listen=0.0.0.0:{ports(workload)['http']}"}
    asked = {
        handler["port"]
        for container in containers(workload)
        for probe in ("startupProbe", "livenessProbe", "readinessProbe")
        for handler in container.get(probe, {}).values()
        if isinstance(handler, dict)
    }
    assert asked <= set(ports(workload))


@each_workload
def test_traffic_is_selected_by_the_labels_of_the_pods(name: str, workload: Document) -> None:
    labels = workload["spec"]["template"]["metadata"]["labels"]
    assert selects(workload["spec"]["selector"], labels)
    (policy,) = [one for one in of_kind(name, "NetworkPolicy") if selects(one["spec"]["podSelector"], labels)]
    assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]
    (ingress,) = policy["spec"]["ingress"]
    assert {port["port"] for port in ingress["ports"]} <= set(ports(workload))
    for service in of_kind(name, "Service"):
        if selects({"matchLabels": service["spec"]["selector"]}, labels):
            assert {port["targetPort"] for port in service["spec"]["ports"]} <= set(ports(workload))
    for monitor in of_kind(name, "PodMonitor"):
        if selects(monitor["spec"]["selector"], labels):
            assert {endpoint["port"] for endpoint in monitor["spec"]["podMetricsEndpoints"]} <= set(ports(workload))


def test_services_and_monitors_select_pods_that_are_there() -> None:
    labels = {component(workload): workload["spec"]["template"]["metadata"]["labels"] for _, workload in EACH}

    def taken(selector: Document) -> set[str]:
        return {name for name, has in labels.items() if selects(selector, has)}

    services = {
        one["metadata"]["name"]: one["spec"]["selector"] for name in OVERLAYS for one in of_kind(name, "Service")
    }
    assert {name: taken({"matchLabels": selector}) for name, selector in services.items()} == {
        "watchkeep-agent": {"agent"},
        "watchkeep-watch": {"watch"},
    }
    (monitor,) = of_kind("prometheus-operator", "PodMonitor")
    assert taken(monitor["spec"]["selector"]) == {"agent", "cluster-view"}


# What they may


def rights(name: str) -> dict[str, set[tuple[str, str, str]]]:
    """What each service account may do: API group, resource and verb, by its name."""
    roles = {(one["kind"], one["metadata"]["name"]): one["rules"] for one in of_kind(name, "Role", "ClusterRole")}
    granted: dict[str, set[tuple[str, str, str]]] = {}
    for binding in of_kind(name, "RoleBinding", "ClusterRoleBinding"):
        rules = roles[binding["roleRef"]["kind"], binding["roleRef"]["name"]]
        (subject,) = binding["subjects"]
        granted.setdefault(subject["name"], set()).update(
            (group, resource, verb)
            for rule in rules
            for group in rule["apiGroups"]
            for resource in rule["resources"]
            for verb in rule["verbs"]
        )
    return granted


def test_an_agent_may_do_what_its_code_asks_for_and_nothing_else() -> None:
    (everywhere,) = of_kind("base", "ClusterRole")
    (own,) = of_kind("base", "Role")
    leases = Leases(namespace=own["metadata"]["namespace"], release="any").rule
    assert (PODS.namespace, leases.namespace) == ("", "watchkeep")
    for role, rule in ((everywhere, PODS), (own, leases)):
        assert role["rules"] == [{"apiGroups": [rule.group], "resources": [rule.resource], "verbs": list(rule.verbs)}]
    assert set(rights("base")) == {"watchkeep-agent"}
    bindings = of_kind("base", "RoleBinding", "ClusterRoleBinding")
    assert {(one["roleRef"]["kind"], one["roleRef"]["name"]) for one in bindings} == {
        (role["kind"], role["metadata"]["name"]) for role in (everywhere, own)
    }


@pytest.mark.parametrize("name", OVERLAYS)
def test_no_overlay_gives_a_right_over_secrets_nodes_or_everything(name: str) -> None:
    for account, granted in rights(name).items():
        assert {one["metadata"]["name"] for one in of_kind(name, "ServiceAccount")} >= {account}
        assert not {resource for _, resource, _ in granted} & {"secrets", "nodes/proxy", "pods/exec", "*"}
        changing = {(resource, verb) for _, resource, verb in granted if verb not in {"get", "list", "watch"}}
        assert changing <= {("leases", verb) for verb in ("create", "update", "delete")} | {
            ("selfsubjectaccessreviews", "create")
        }


@each_workload
def test_a_token_is_mounted_only_where_the_api_server_is_asked(name: str, workload: Document) -> None:
    spec = pod(workload)
    assert spec["automountServiceAccountToken"] is (spec.get("serviceAccountName") in rights(name))


# What they run


def running() -> Iterator[tuple[str, Document, Document]]:
    """Every container of ours."""
    for name, workload in EACH:
        yield from ((name, workload, one) for one in containers(workload) if one["image"].startswith("watchkeep:"))


each_of_ours = pytest.mark.parametrize(
    ("name", "workload", "container"), list(running()), ids=[f"{name}-{one['name']}" for name, _, one in running()]
)


@each_of_ours
def test_a_container_finds_a_configuration_that_is_good(
    name: str, workload: Document, container: Document, tmp_path: Path
) -> None:
    files = mounted_files(name, workload, container, trustme.CA().cert_pem.bytes())
    for path, content in files.items():
        file = tmp_path / path[1:]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(re.sub(rb"(?<![\w.])/(?=etc/watchkeep/|var/run/)", f"{tmp_path}/".encode(), content))
    options = dict(argument.split("=", 1) for argument in container["args"][1:])
    done = watchkeep("check", "-c", tmp_path / options["--config"][1:])
    assert (done.returncode, done.stderr) == (0, "")
    assert "0 warnings" in done.stdout
    data = next(mount["name"] for mount in container["volumeMounts"] if mount["mountPath"] == options["--data"])
    assert data == "data"
    token = Path(options["--token-file"]).parent.as_posix()
    assert token in {mount["mountPath"] for mount in container["volumeMounts"]}


@each_of_ours
def test_the_command_knows_its_arguments_and_its_variables(name: str, workload: Document, container: Document) -> None:
    subcommand, *arguments = container["args"]
    command = importlib.import_module(f"slo.cli.{subcommand}").command
    assert command.make_context(subcommand, arguments).params["listen"] == "0.0.0.0:9990"
    fields = {one["name"]: one["valueFrom"]["fieldRef"]["fieldPath"] for one in container.get("env", [])}
    variables = {option.envvar for option in command.params if option.envvar}
    assert fields.items() <= DOWNWARD.items()
    assert variables <= set(fields)


def test_the_rules_for_the_operator_are_current() -> None:
    done = watchkeep("rules", "-c", FOLDER / "base" / "agents.yaml", "--format", "operator")
    written = (FOLDER / "overlays" / "prometheus-operator" / "rules.yaml").read_text(encoding="utf-8")
    assert (done.returncode, done.stdout) == (0, written)


def test_no_secret_is_in_them_and_each_that_is_asked_for_is_explained() -> None:
    assert not [one for name in KUSTOMIZATIONS for one in of_kind(name, "Secret")]
    asked = {one["secret"]["secretName"] for _, workload in EACH for one in pod(workload)["volumes"] if "secret" in one}
    (monitor,) = of_kind("prometheus-operator", "PodMonitor")
    asked |= {one["authorization"]["credentials"]["name"] for one in monitor["spec"]["podMetricsEndpoints"]}
    made = re.findall(r"create secret generic (\S+)", (FOLDER / "README.md").read_text(encoding="utf-8"))
    assert sorted(asked) == sorted(made)


def test_they_name_no_registry_and_no_cluster() -> None:
    images = {one["image"].partition("@")[0] for _, workload in EACH for one in containers(workload)}
    assert not [image for image in images if "/" in image]
    version = re.search(r'^version = "(.+)"$', (CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    assert version
    assert {image for image in images if image.startswith("watchkeep")} == {f"watchkeep:{version[1]}"}
