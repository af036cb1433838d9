"""What is understood of the expressions that servers evaluate."""

import pytest

from slo.core.expression import has_window, is_per_second, mixes_units, summed_counters, with_window


@pytest.mark.parametrize(
    "expression",
    [
        'a_total{code=~"5.."}',
        ' a_total { code =~ "5.." } ',
        '(a_total{code=~"5.."})',
        'sum(a_total{code=~"5.."})',
        'sum by (code) (a_total{code=~"5.."})',
        'sum(a_total{code=~"5.."}) without (instance)',
        'SUM(sum by(code)(a_total{code=~"5.."}))',
        'sum(rate(a_total{code=~"5.."}[{{.window}}]))',
        'sum(increase(a_total{code=~"5.."}[{{ .window }}]))',
        'increase(\n  a_total{code=~"5.."}[{{.window}}]\n)',
        '(sum(rate(a_total{code=~"5.."}[{{.window}}])) OR on() vector(0))',
        'sum(a_total{code=~"5.."}) or vector(0)',
    ],
)
def test_the_sum_of_the_counters_of_one_selector_is_that_selector(expression: str) -> None:
    assert str(summed_counters(expression)) == 'a_total{code=~"5.."}'


@pytest.mark.parametrize(
    "expression",
    [
        "sum(a) + sum(b)",
        "(sum(a)) - (sum(b))",
        "sum(a) / 2",
        "sum(a or b)",
        "avg(a)",
        "max by (code) (a)",
        "sum(a[5m])",
        "sum(rate(a[5m]))",
        "sum(irate(a[{{.window}}]))",
        "sum(delta(a[{{.window}}]))",
        "sum(rate(a[{{.window}}] offset 5m))",
        "sum(a offset 5m)",
        "sum by (code (a)",
        "histogram_count(a)",
        "",
    ],
)
def test_whatever_else_has_to_be_evaluated_by_the_server(expression: str) -> None:
    assert summed_counters(expression) is None


def test_the_window_is_filled_in_wherever_it_stands() -> None:
    expression = "sum(increase(a[{{.window}}])) + sum(increase(b[{{ .window }}]))"
    assert has_window(expression)
    assert with_window(expression, 90) == "sum(increase(a[1m30s])) + sum(increase(b[1m30s]))"
    assert not has_window(with_window(expression, 90))
    assert not has_window("sum(increase(a[5m]))")


@pytest.mark.parametrize(
    ("expression", "unit"),
    [
        ("rate(a[{{.window}}])", "per second"),
        ("irate (a[{{.window}}])", "per second"),
        ("increase(a[{{.window}}])", "events"),
        ("increase(a[{{.window}}]) + rate(b[{{.window}}])", "mixed"),
        ("sum(increase(api_rate_total[{{.window}}]))", "events"),
        ("sum(rate_increase)", "events"),
    ],
)
def test_rates_are_told_from_increases(expression: str, unit: str) -> None:
    assert is_per_second(expression) is (unit != "events")
    assert mixes_units(expression) is (unit == "mixed")
