"""The Prometheus rules that Sloth writes for an SLO of 30 days with the windows of Google's SRE workbook.

Three groups for each SLO, as Sloth's documentation (https://sloth.dev) describes them: the error ratio over each
window, where that of 30 days is the mean of all that was recorded over 5 minutes; what is known of the SLO and its
budget; and a page and a ticket, each on two pairs of windows.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from benchmarks._paging import OBJECTIVE, PAIRS, WINDOW
from slo.core.duration import duration_name
from slo.core.policy import Pair, Severity

PLACEHOLDER = "{{.window}}"
RATIO_5M = "slo:sli_error:ratio_rate5m"

Rule = dict[str, object]


@dataclass(frozen=True, kw_only=True, slots=True)
class SlothSLO:
    """One SLO of 99.9 % over 30 days; `error_ratio` is PromQL with `{{.window}}` in place of the window."""

    service: str
    error_ratio: str

    @property
    def identity(self) -> dict[str, str]:
        """The labels that all its series have."""
        return {
            "sloth_id": f"{self.service}-availability",
            "sloth_service": self.service,
            "sloth_slo": "availability",
        }

    def recorded(self, name: str, **others: str) -> str:
        """A series that is recorded of it, as a selector; with all its labels it is the series' own name."""
        matchers = ",".join(f'{key}="{value}"' for key, value in (self.identity | others).items())
        return f"{name}{{{matchers}}}"


def of_requests(service: str) -> SlothSLO:
    """The share of the requests to a service that were answered with 5xx."""
    errors = f'sum(rate(http_requests_total{{service="{service}",code=~"5.."}}[{PLACEHOLDER}]))'
    total = f'sum(rate(http_requests_total{{service="{service}"}}[{PLACEHOLDER}]))'
    return SlothSLO(service=service, error_ratio=f"({errors})\n/\n({total})")


def rules(slos: Iterable[SlothSLO]) -> str:
    """The rules file. YAML is a superset of JSON."""
    groups = [
        {"name": f"sloth-slo-{kind}-{slo.identity['sloth_id']}", "rules": rules_of(slo)}
        for slo in slos
        for kind, rules_of in (("sli-recordings", _ratios), ("meta-recordings", _metadata), ("alerts", _alerts))
    ]
    return json.dumps({"groups": groups}, indent=1)


def _ratios(slo: SlothSLO) -> list[Rule]:
    windows = sorted({window for pair in PAIRS for window in (pair.short, pair.long)})
    short = slo.recorded(_ratio(windows[0]))
    period = _name(WINDOW)
    mean = f"sum_over_time({short}[{period}])\n/ ignoring (sloth_window)\ncount_over_time({short}[{period}])\n"
    expressions = {window: slo.error_ratio.replace(PLACEHOLDER, _name(window)) for window in windows} | {WINDOW: mean}
    return [
        {"record": _ratio(window), "expr": expression, "labels": slo.identity | {"sloth_window": _name(window)}}
        for window, expression in expressions.items()
    ]


def _metadata(slo: SlothSLO) -> list[Rule]:
    objective = float(OBJECTIVE)
    budget = slo.recorded("slo:error_budget:ratio")

    def burn(window: timedelta) -> str:
        return f"{slo.recorded(_ratio(window))}\n/ on(sloth_id, sloth_slo, sloth_service) group_left\n{budget}\n"

    expressions = {
        "slo:objective:ratio": f"vector({objective})",
        "slo:error_budget:ratio": f"vector(1-{objective})",
        "slo:time_period:days": f"vector({WINDOW.days})",
        "slo:current_burn_rate:ratio": burn(min(pair.short for pair in PAIRS)),
        "slo:period_burn_rate:ratio": burn(WINDOW),
        "slo:period_error_budget_remaining:ratio": f"1 - {slo.recorded('slo:period_burn_rate:ratio')}",
        "sloth_slo_info": "vector(1)",
    }
    about = {"sloth_mode": "cli-gen-prom", "sloth_objective": f"{objective:.1%}", "sloth_spec": "prometheus/v1"}
    return [
        {"record": name, "expr": expression, "labels": slo.identity | (about if name == "sloth_slo_info" else {})}
        for name, expression in expressions.items()
    ]


def _alerts(slo: SlothSLO) -> list[Rule]:
    def burning(pair: Pair) -> str:
        threshold = f"({float(pair.factor(WINDOW)):g} * {float(1 - OBJECTIVE)})"
        short, long = (
            f"max({slo.recorded(_ratio(window))} > {threshold}) without (sloth_window)"
            for window in (pair.short, pair.long)
        )
        return f"(\n    {short}\n    and\n    {long}\n)"

    return [
        {
            "alert": "HighErrorRate",
            "expr": "\nor\n".join(burning(pair) for pair in PAIRS if pair.severity is severity),
            "labels": {"sloth_severity": severity.value},
            "annotations": {"summary": "{{$labels.sloth_service}} burns its error budget too fast"},
        }
        for severity in Severity
    ]


def _ratio(window: timedelta) -> str:
    return f"slo:sli_error:ratio_rate{_name(window)}"


def _name(window: timedelta) -> str:
    return duration_name(window.total_seconds())
