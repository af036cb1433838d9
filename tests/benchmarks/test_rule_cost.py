"""The cost of rules is read from a real Prometheus, and rules that it cannot have are refused."""

import pytest

from benchmarks import _rule_cost
from benchmarks._rule_cost import prometheus_cost, request_history, sloth_recorded
from benchmarks._sloth import of_requests, rules


def test_all_rules_are_evaluated_on_the_history(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_rule_cost, "IDLE_SECONDS", 0.3)
    history = request_history(["gate"], recorded=sloth_recorded)
    cost = prometheus_cost(rules([of_requests("gate")]), history, slos=1, interval_seconds=1, evaluations=2)
    assert cost.recorded == 15
    assert cost.evaluations > 0
    assert cost.rule_seconds > 0
    assert max(cost.seconds_by_rule, key=lambda name: cost.seconds_by_rule[name]) == "slo:sli_error:ratio_rate30d"


def test_rules_that_are_none_are_refused_with_the_reason() -> None:
    broken = '{"groups": [{"name": "broken", "rules": [{"record": "a", "expr": "sum("}]}]}'
    with pytest.raises(SystemExit, match=r"(?s)promtool check rules: .*parse error"):
        prometheus_cost(broken, [], slos=1)
