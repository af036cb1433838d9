"""The text exposition of SLO figures and of what probes saw, read back by somebody else's parser."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from slo.core.outcome import Outcome
from slo.core.reason import REASONS, State
from slo.core.sample import Sample
from slo.core.status import SLOStatus
from slo.exposition.families import FAMILIES
from slo.exposition.render import ProbeRenderer, SLORenderer
from tests.web.watches import AT, PAGE, TICKET, a_busy_watch, a_month, a_status, an_outcome, an_slo

Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


def parsed(text: str) -> Series:
    """Every series with its value; fails on a series, or a family, that comes twice."""
    families = list(text_string_to_metric_families(text))
    names = [family.name for family in families]
    assert len(names) == len(set(names))
    samples = [sample for family in families for sample in family.samples]
    series = {(sample.name, frozenset(sample.labels.items())): sample.value for sample in samples}
    assert len(series) == len(samples)
    return series


def slos(*statuses: SLOStatus, renderer: SLORenderer | None = None) -> Series:
    return parsed("".join((renderer or SLORenderer()).render(statuses)))


def rounds(
    *last: tuple[Outcome, Iterable[Sample]], renderer: ProbeRenderer | None = None, faults: list[str] | None = None
) -> Series:
    told = [] if faults is None else faults
    return parsed("".join((renderer or ProbeRenderer()).render(last, on_fault=lambda o, _: told.append(o.check))))


def key(name: str, labels: Mapping[str, str] | None = None, **more: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return name, frozenset({**(labels or {}), **more}.items())


def test_the_figures_of_an_slo_read_as_they_are_written_down() -> None:
    status = a_status(
        an_slo("gate", service="gate"), bad=50, burn_rate=200.25, remaining=-9.4, firing=frozenset({PAGE})
    )
    text = "".join(SLORenderer().render([replace(status, windows=status.windows[:1])]))
    assert text == (
        "# HELP slo_sli_good_total Good events of the SLI since the ledger began.\n"
        "# TYPE slo_sli_good_total counter\n"
        'slo_sli_good_total{slo="gate",service="gate"} 1000\n'
        "# HELP slo_sli_bad_total Bad events of the SLI since the ledger began.\n"
        "# TYPE slo_sli_bad_total counter\n"
        'slo_sli_bad_total{slo="gate",service="gate"} 50\n'
        "# HELP slo_sli_unknown_total Events of the SLI that are neither good nor bad, since the ledger began.\n"
        "# TYPE slo_sli_unknown_total counter\n"
        'slo_sli_unknown_total{slo="gate",service="gate"} 2\n'
        "# HELP slo_objective_ratio The share of events that the SLO wants to be good.\n"
        "# TYPE slo_objective_ratio gauge\n"
        'slo_objective_ratio{slo="gate",service="gate"} 0.999\n'
        "# HELP slo_error_budget_remaining_ratio Share of the error budget left; below 0 it is overspent.\n"
        "# TYPE slo_error_budget_remaining_ratio gauge\n"
        'slo_error_budget_remaining_ratio{slo="gate",service="gate"} -9.4\n'
        "# HELP slo_burn_rate Error ratio / (1 - objective) over the window, weighted by its coverage.\n"
        "# TYPE slo_burn_rate gauge\n"
        'slo_burn_rate{slo="gate",service="gate",window="5m"} 200.25\n'
        "# HELP slo_window_coverage_ratio Share of the window for which there is knowledge.\n"
        "# TYPE slo_window_coverage_ratio gauge\n"
        'slo_window_coverage_ratio{slo="gate",service="gate",window="5m"} 0.20833333333333334\n'
        "# HELP slo_alert_firing Whether an alert of this severity fires.\n"
        "# TYPE slo_alert_firing gauge\n"
        'slo_alert_firing{slo="gate",service="gate",severity="page"} 1\n'
        'slo_alert_firing{slo="gate",service="gate",severity="ticket"} 0\n'
    )


def test_a_budget_over_several_windows_is_told_for_each_and_the_own_one_as_ever() -> None:
    status = a_status(an_slo("gate", service="gate"), remaining=0.5)
    series = slos(replace(status, budgets=(*status.budgets, a_month(), a_month(remaining=None))))
    labels = {"slo": "gate", "service": "gate"}
    assert series[key("slo_error_budget_remaining_ratio", labels)] == 0.5
    by_window = {dict(of)["window"]: value for (name, of), value in series.items() if "remaining_window" in name}
    assert by_window == {"30d": 0.5, "month (Europe/London)": 0.25}


def test_when_a_budget_will_be_spent_is_told_where_that_is_to_be_seen() -> None:
    soon, lasting = a_status(an_slo("soon", service="gate")), a_status(an_slo("lasting", service="gate"))
    series = slos(replace(soon, budgets=(replace(soon.budget, exhaustion=AT),)), lasting)
    exhaustions = {dict(of)["slo"]: value for (name, of), value in series.items() if "exhaustion" in name}
    assert exhaustions == {"soon": AT.timestamp()}


def test_every_figure_of_every_slo_is_read_back_with_its_value() -> None:
    statuses = [replace(status, at=AT) for status in a_busy_watch().slos]
    expected: Series = {}
    for status in statuses:
        own = {"slo": status.slo.name, **status.slo.labels}
        for state, count in status.totals.items():
            expected[key(f"slo_sli_{state}_total", own)] = count
        expected[key("slo_objective_ratio", own)] = float(status.slo.objective)
        if status.budget.remaining is not None:
            expected[key("slo_error_budget_remaining_ratio", own)] = status.budget.remaining
        for figures in status.windows:
            expected[key("slo_window_coverage_ratio", own, window=figures.window)] = figures.coverage
            if figures.burn_rate is not None:
                expected[key("slo_burn_rate", own, window=figures.window)] = figures.burn_rate
        for severity, pair in (("page", PAGE), ("ticket", TICKET)):
            expected[key("slo_alert_firing", own, severity=severity)] = pair in status.firing
    assert slos(*statuses) == expected


def test_what_has_nothing_to_divide_by_is_absent_and_coverage_says_why() -> None:
    series = slos(a_status(state="no_data", remaining=None))
    names = {name for name, _ in series}
    assert names.isdisjoint({"slo_burn_rate", "slo_error_budget_remaining_ratio"})
    assert {value for (name, _), value in series.items() if name == "slo_window_coverage_ratio"} == {0.0}


def test_no_slos_make_no_lines() -> None:
    assert "".join(SLORenderer().render([])) == ""


def test_an_own_label_with_a_name_of_ours_never_doubles_a_label() -> None:
    series = slos(a_status(an_slo("gate", slo="x", window="y", severity="z", team="core")))
    assert key("slo_objective_ratio", slo="gate", team="core") in series


@given(
    name=st.text(min_size=1, max_size=20),
    labels=st.dictionaries(st.text(max_size=8) | st.sampled_from(["team", "a_1", "ü", "a-b"]), st.text(max_size=20)),
)
def test_any_text_in_names_and_labels_comes_back_as_it_was(name: str, labels: dict[str, str]) -> None:
    readable = {
        label: value
        for label, value in labels.items()
        if label.isascii() and label.isidentifier() and label not in {"slo", "window", "severity"}
    }
    series = slos(a_status(replace(an_slo(name), labels=labels)))
    assert key("slo_objective_ratio", readable, slo=name) in series


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=8, max_size=8))
def test_values_lose_nothing(values: list[float]) -> None:
    status = a_status()
    windows = tuple(replace(w, burn_rate=value) for w, value in zip(status.windows, values, strict=True))
    series = slos(replace(status, windows=windows))
    own = {"slo": status.slo.name, **status.slo.labels}
    assert [series[key("slo_burn_rate", own, window=w.window)] for w in windows] == values


def test_an_slo_that_is_loaded_anew_gets_its_new_labels_and_windows() -> None:
    renderer = SLORenderer()
    slos(a_status(an_slo("gate", team="old")), a_status(an_slo("gone")), renderer=renderer)
    series = slos(a_status(an_slo("gate", team="new")), renderer=renderer)
    assert {dict(labels)["team"] for _, labels in series} == {"new"}
    assert list(renderer._labels) == ["gate"]


@pytest.mark.parametrize(
    ("reason", "success"), [("ok", 1.0), ("connect_refused", 0.0), ("network_down", None), ("unheard of", None)]
)
def test_an_unknown_round_is_neither_a_success_nor_a_failure(reason: str, success: float | None) -> None:
    outcome = an_outcome("gate", reason)
    series = rounds((outcome, ()))
    own = {"probe": "gate", "target": outcome.target}
    assert series.get(key("probe_success", own)) == success
    assert series.get(key("probe_duration_seconds", own)) == (None if success is None else 0.25)
    assert series[key("watchkeep_probe_last_round_timestamp_seconds", own)] == AT.timestamp()
    told = {
        dict(labels)["reason"]: dict(labels)["state"] for name, labels in series if name == "watchkeep_probe_reason"
    }
    assert told == ({} if outcome.state is State.GOOD else {reason: outcome.state.value})


@pytest.mark.parametrize("reason", list(REASONS))
def test_every_reason_can_be_told(reason: str) -> None:
    assert rounds((an_outcome("gate", reason), ()))


def test_samples_of_checks_are_grouped_by_family_whatever_their_order() -> None:
    one, two = an_outcome("one"), an_outcome("two")
    made = [
        (one, [Sample("probe_http_status_code", 200), Sample("probe_http_redirects", 1)]),
        (two, [Sample("probe_http_redirects", 0), Sample("probe_http_status_code", 503)]),
    ]
    series = rounds(*made)
    codes = {
        dict(labels)["probe"]: value for (name, labels), value in series.items() if name == "probe_http_status_code"
    }
    assert codes == {"one": 200, "two": 503}


@given(
    value=st.floats(),
    text=st.text(max_size=20),
    target=st.text(max_size=20),
)
def test_any_sample_comes_back_as_it_was(value: float, text: str, target: str) -> None:
    outcome = an_outcome(target=target)
    made = [(outcome, [Sample("probe_ssl_last_chain_info", value, {"subject": text})])]
    got = rounds(*made)[key("probe_ssl_last_chain_info", subject=text, probe="gate", target=target)]
    assert got == value or (got != got and value != value)  # noqa: PLR0124  # NaN


def test_a_number_that_is_no_float_is_written_as_one() -> None:
    outcome = an_outcome()
    made = [(outcome, [Sample("probe_http_ssl", True), Sample("probe_http_status_code", 200)])]
    series = rounds(*made)
    own = {"probe": "gate", "target": outcome.target}
    assert series[key("probe_http_ssl", own)] == 1
    assert series[key("probe_http_status_code", own)] == 200


def test_a_kind_cannot_take_the_identity_of_its_check_nor_say_what_the_runner_says() -> None:
    outcome = an_outcome("gate", "network_down")
    made = [
        (
            outcome,
            [
                Sample("probe_success", 1),
                Sample("probe_http_status_code", 200, {"probe": "other", "target": "other"}),
                Sample("no name", 1),
                Sample("", 1),
                Sample("probe_http_redirects", 0, {"no label": "x"}),
            ],
        )
    ]
    series = rounds(*made)
    own = {"probe": "gate", "target": outcome.target}
    assert key("probe_success", own) not in series
    assert series[key("probe_http_status_code", own)] == 200
    assert series[key("probe_http_redirects", own)] == 0
    assert all(" " not in name and name for name, _ in series)


def test_a_kind_that_fails_takes_only_its_own_samples_away() -> None:
    def failing() -> Iterable[Sample]:
        yield Sample("probe_http_redirects", 0)
        raise ZeroDivisionError

    bad, good = an_outcome("bad"), an_outcome("good")
    faults: list[str] = []
    made = [(bad, failing()), (good, [Sample("probe_http_redirects", 3)])]
    series = rounds(*made, faults=faults)
    assert faults == ["bad"]
    assert [value for (name, _), value in series.items() if name == "probe_http_redirects"] == [3]


LOOKS = (("ok", "direct"), ("status", "proxy-eu"))


def test_each_vantage_point_has_its_own_lines_with_its_name() -> None:
    points = [replace(an_outcome("gate", reason), vantage_point=name) for reason, name in LOOKS]
    series = rounds(*((point, []) for point in points))
    own = {"probe": "gate", "target": points[0].target}
    assert series[key("probe_success", own, vantage="direct")] == 1
    assert series[key("probe_success", own, vantage="proxy-eu")] == 0


def test_labels_that_change_at_every_round_are_not_kept() -> None:
    renderer = ProbeRenderer()
    outcome = an_outcome()
    series: Series = {}
    for serial in range(100):
        made = [(outcome, [Sample("probe_ssl_last_chain_info", 1, {"serial": str(serial)})])]
        series = rounds(*made, renderer=renderer)
    assert sum(len(prefixes) for _, prefixes in renderer._prefixes.values()) == len(series)


def test_the_labels_of_a_target_are_labels_of_all_that_is_said_of_it() -> None:
    renderer = ProbeRenderer()
    sample = Sample("probe_http_duration_seconds", 1, {"phase": "tls", "region": "sample"})
    for labels in ({"region": "eu", "phase": "target"}, {"region": "us"}):
        series = rounds((replace(an_outcome(), labels=labels), [sample]), renderer=renderer)
        of_outcome = [dict(known) for name, known in series if name == "probe_success"]
        of_sample = [dict(known) for name, known in series if name == "probe_http_duration_seconds"]
        assert [known["region"] for known in of_outcome] == [labels["region"]]
        assert [(known["region"], known["phase"]) for known in of_sample] == [("sample", "tls")]


def test_checks_that_are_gone_are_forgotten() -> None:
    renderer = ProbeRenderer()
    rounds((an_outcome("one"), ()), (an_outcome("two"), ()), renderer=renderer)
    rounds((an_outcome("two"), ()), renderer=renderer)
    assert [check for check, *_ in renderer._prefixes] == ["two"]


def test_rendering_twice_says_the_same_twice() -> None:
    watch, slo_renderer, probe_renderer = a_busy_watch(), SLORenderer(), ProbeRenderer()
    first, second = (
        [
            *slo_renderer.render(watch.slos),
            *probe_renderer.render(watch.probe_samples(), on_fault=lambda *_: None),
        ]
        for _ in range(2)
    )
    assert "".join(first) == "".join(second)


def test_two_scrapes_at_once_do_not_disturb_each_other() -> None:
    watch, slo_renderer = a_busy_watch(), SLORenderer()
    alone = "".join(SLORenderer().render(watch.slos))
    ones, others = slo_renderer.render(watch.slos), slo_renderer.render(watch.slos[:1])
    parts = []
    for part in ones:
        parts.append(part)
        next(others, None)
    assert "".join(parts) == alone


def test_large_watches_are_rendered_in_small_pieces() -> None:
    statuses = [a_status(an_slo(f"slo-{number}")) for number in range(1000)]
    outcomes = [an_outcome(f"probe-{number}") for number in range(1000)]
    parts = [
        *SLORenderer().render(statuses),
        *ProbeRenderer().render([(outcome, ()) for outcome in outcomes], on_fault=lambda *_: None),
    ]
    assert max(part.count("\n") for part in parts) <= 1002
    assert len(parsed("".join(parts))) == 1000 * (23 + 3)


def test_every_family_says_what_it_is_and_names_its_unit_as_the_field_does() -> None:
    for name, family in FAMILIES.items():
        assert family.name == name
        assert family.help
        assert family.help[-1] in ".1"
        assert (family.type == "counter") == name.endswith("_total")
