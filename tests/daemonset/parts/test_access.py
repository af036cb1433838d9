"""An account is bad where it may not do what it has to, and where it may do what it must not."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from daemonset.parts.access import MOST_REVIEWS, AccessKeys
from daemonset.parts.rights import VERBS
from tests.daemonset.api_server import TOKEN, APIServer, answering, saying
from tests.daemonset.statuses import internal_error
from tests.daemonset.viewing import GOOD, viewing

DEPLOYER = "token-of-the-deployer"
MISSING = ("bad", "right_missing")
EXCESSIVE = ("bad", "right_excessive")
UNTOLD = ("unknown", "cluster_untold")
ALL = " ".join(VERBS)

Asked = dict[str, Any]


def keys(folder: Path, **access: Any) -> Asked:
    """The view of one node, and of the rights of an account of its own."""
    file = folder / "deployer"
    file.write_text(DEPLOYER)
    return {"parts": ["nodes"], "access": {"token_file": str(file), **access}}


def permit_all(server: APIServer, namespace: str = "") -> None:
    """All that is asked for where nothing else is configured."""
    for groups, resources in (
        ("", "pods services configmaps secrets"),
        ("apps", "deployments replicasets statefulsets daemonsets"),
        ("batch", "jobs"),
        ("networking.k8s.io", "ingresses"),
        ("autoscaling", "horizontalpodautoscalers"),
    ):
        server.reviews.permit(DEPLOYER, groups=groups, resources=resources, verbs=ALL, namespace=namespace)


async def test_an_account_that_may_do_what_deploying_takes_is_good(tmp_path: Path) -> None:
    async with APIServer() as server:
        server.accept(DEPLOYER)
        permit_all(server)
        async with viewing(server, tmp_path, **keys(tmp_path)) as viewed:
            facts = await viewed.look()
            assert [each.reason for each in viewed.collector.judge(facts)] == ["ok"]
            allowed = viewed.samples(facts, "watchkeep_kubernetes_access_allowed")
            assert len(allowed) == 11 * len(VERBS) + 1
            assert [value for labels, value in allowed if labels["wanted"] == "forbidden"] == [0.0]


async def test_what_is_missing_is_told_as_the_rules_to_add(tmp_path: Path) -> None:
    async with APIServer() as server:
        server.accept(DEPLOYER)
        server.reviews.permit(DEPLOYER, groups="apps", resources="deployments", verbs="get list watch")
        required = [{"groups": ["apps"], "resources": ["deployments", "deployments/scale"], "verbs": ["list", "patch"]}]
        async with viewing(server, tmp_path, **keys(tmp_path, required=required)) as viewed:
            (judgement,) = viewed.collector.judge(await viewed.look())
            assert (judgement.state, judgement.reason) == MISSING
            assert judgement.detail == (
                '3 rights are missing; add {apiGroups: ["apps"], resources: ["deployments"], verbs: ["patch"]} in a'
                ' ClusterRole; {apiGroups: ["apps"], resources: ["deployments/scale"], verbs: ["list", "patch"]} in a'
                " ClusterRole"
            )


async def test_a_right_in_one_namespace_is_none_in_another(tmp_path: Path) -> None:
    async with APIServer() as server:
        server.accept(DEPLOYER)
        permit_all(server, namespace="prod")
        required = [{"resources": ["pods"], "verbs": ["delete"], "namespaces": ["prod", "stage"]}]
        async with viewing(server, tmp_path, **keys(tmp_path, required=required)) as viewed:
            (judgement,) = viewed.collector.judge(await viewed.look())
            assert judgement.detail == (
                '1 rights are missing; add {apiGroups: [""], resources: ["pods"], verbs: ["delete"]} in the namespace'
                " stage"
            )


async def test_an_account_that_may_do_everything_is_bad_though_nothing_is_missing(tmp_path: Path) -> None:
    async with APIServer() as server:
        server.accept(DEPLOYER)
        server.reviews.permit(DEPLOYER, groups="*", resources="*", verbs="*")
        async with viewing(server, tmp_path, **keys(tmp_path)) as viewed:
            (judgement,) = viewed.collector.judge(await viewed.look())
            assert (judgement.state, judgement.reason) == EXCESSIVE
            assert judgement.detail == (
                'the account may, and must not: {apiGroups: ["*"], resources: ["*"], verbs: ["*"]} in a ClusterRole'
            )


async def test_without_a_token_of_its_own_the_rights_of_the_watch_are_looked_at(tmp_path: Path) -> None:
    required = [{"resources": ["pods"], "verbs": ["list"]}]
    async with APIServer() as server:
        server.reviews.permit(TOKEN, resources="pods", verbs="list")
        async with viewing(server, tmp_path, parts=["nodes"], access={"required": required}) as viewed:
            assert await viewed.judged() == [GOOD]


async def test_a_no_that_may_be_none_is_unknown(tmp_path: Path) -> None:
    async with APIServer() as server:
        server.accept(DEPLOYER)
        server.reviews.doubt = "webhook did not answer"
        async with viewing(server, tmp_path, **keys(tmp_path)) as viewed:
            facts = await viewed.look()
            (judgement,) = viewed.collector.judge(facts)
            assert (judgement.state, judgement.reason) == UNTOLD
            assert "89 rights could not be looked up: webhook did not answer" in judgement.detail
            assert viewed.samples(facts, "watchkeep_kubernetes_access_allowed") == []


async def test_answers_stand_between_two_times_and_not_for_ever(tmp_path: Path) -> None:
    async with APIServer() as server:
        server.accept(DEPLOYER)
        permit_all(server)
        async with viewing(server, tmp_path, silent_after="1d", **keys(tmp_path)) as viewed:
            assert await viewed.judged() == [GOOD]
            asked = sum(each.verb == "create" for each in server.asked)
            assert await viewed.judged() == [GOOD]
            assert sum(each.verb == "create" for each in server.asked) == asked
            server.reject(DEPLOYER)
            viewed.leap(minutes=14)
            assert await viewed.judged() == [GOOD]
            viewed.leap(minutes=2)
            assert await viewed.judged() == [UNTOLD]


async def test_a_right_that_was_taken_away_is_noticed(tmp_path: Path) -> None:
    async with APIServer() as server:
        server.accept(DEPLOYER)
        permit_all(server)
        async with viewing(server, tmp_path, **keys(tmp_path, interval="1s")) as viewed:
            assert await viewed.judged() == [GOOD]
            server.reviews.rules.clear()
            await viewed.sees(MISSING)


@pytest.mark.parametrize(
    ("trouble", "reason", "detail"),
    [
        pytest.param(answering(internal_error()), "cluster_untold", "server_error: HTTP 500", id="500"),
        pytest.param(
            saying(b'{"status": {}}', 201), "cluster_untold", "malformed: an access review", id="no answer in it"
        ),
        pytest.param(saying(b"<html>", 201), "cluster_untold", "malformed: an access review", id="no document"),
    ],
)
async def test_what_is_no_answer_is_no_right(trouble: Any, reason: str, detail: str, tmp_path: Path) -> None:
    async with APIServer() as server:
        server.accept(DEPLOYER)
        permit_all(server)
        server.next("create", trouble)
        async with viewing(server, tmp_path, **keys(tmp_path)) as viewed:
            (judgement,) = viewed.collector.judge(await viewed.look())
            assert judgement.reason == reason
            assert detail in judgement.detail
            await viewed.sees(GOOD)


async def test_who_may_not_even_ask_is_told_the_rule(tmp_path: Path) -> None:
    async with APIServer() as server:
        server.accept(DEPLOYER)
        server.forbid("create", "selfsubjectaccessreviews")
        async with viewing(server, tmp_path, **keys(tmp_path)) as viewed:
            (judgement,) = viewed.collector.judge(await viewed.look())
            assert judgement.reason == "permission"
            rule = '{apiGroups: ["authorization.k8s.io"], resources: ["selfsubjectaccessreviews"], verbs: ["create"]}'
            assert rule in judgement.detail


@pytest.mark.parametrize(
    ("access", "message"),
    [
        ({"required": [], "forbidden": []}, "asks for no rights"),
        ({"required": [{"resources": [f"r{number}" for number in range(MOST_REVIEWS)]}]}, "asks for 8001 rights"),
        ({"required": [{"resources": []}]}, "at least 1 item"),
        ({"required": [{"resources": ["pods"], "namespaces": ["Prod"]}]}, "should match pattern"),
    ],
)
def test_what_cannot_be_asked_is_refused(access: Asked, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        AccessKeys.model_validate(access)
