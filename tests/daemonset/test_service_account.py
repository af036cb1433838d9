"""A pod finds its API server in its environment, and its token in a folder."""

from pathlib import Path

import pytest

from daemonset.service_account import ServiceAccount
from slo.errors import UsageError


@pytest.mark.parametrize(
    ("host", "url"), [("10.96.0.1", "https://10.96.0.1:443"), ("fd00::1", "https://[fd00::1]:443")]
)
def test_the_account_of_a_pod(host: str, url: str, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("t")
    environ = {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": "443"}
    found = ServiceAccount.of_pod(environ, tmp_path)
    assert found == ServiceAccount(url=url, token_file=tmp_path / "token", ca_file=tmp_path / "ca.crt")


def test_outside_of_a_cluster_it_is_said_that_it_is_outside(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="this is no pod of Kubernetes"):
        ServiceAccount.of_pod({"KUBERNETES_SERVICE_HOST": "10.96.0.1"}, tmp_path)


def test_a_pod_without_a_token_is_told_how_to_get_one(tmp_path: Path) -> None:
    environ = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"}
    with pytest.raises(UsageError, match="automountServiceAccountToken: true"):
        ServiceAccount.of_pod(environ, tmp_path)
