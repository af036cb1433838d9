"""Expressions of others count what they measured: rates become increases, and what cannot be counted is refused."""

import contextlib
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from slo.interop.counting import Count, Uncountable, counted, remainder, split_ratio
from slo.interop.promql import NoExpression
from tests.services import program

RATES = [
    "sum(rate(a_total[5m]))",
    'sum by (code) (rate(a_total{code=~"5.."}[5m]))',
    "sum(rate(a_total[5m])) by (code)",
    "sum without (instance) (rate(a_total[5m]))",
    "sum(rate(a_total[5m])) - sum(rate(b_total[5m]))",
    "(sum(rate(a_total[5m])) + 2 * sum(rate(b_total[5m]))) / 4",
    'sum(rate(a_total{code="none"}[5m])) or vector(0)',
    "SUM(max by (code) (rate(a_total[5m]))) OR on() vector(0)",
    "avg(rate(a_total[5m] offset 1m)) # of a minute ago",
    "sum(\n  rate(b_total[5m])\n)",
]
INPUTS = [
    {"series": f'{name}_total{{code="{code}",instance="{host}"}}', "values": f"0+{step}x80"}
    for name, code, host, step in [
        ("a", "200", "x", 7),
        ("a", "500", "x", 1),
        ("a", "500", "y", 3),
        ("b", "200", "x", 5),
    ]
]


@pytest.mark.parametrize("rate", RATES)
def test_prometheus_says_that_sums_of_rates_times_the_window_are_the_sums_of_increases(
    rate: str, tmp_path: Path
) -> None:
    assert counted(rate).text.replace("{{.window}}", "5m") == rate
    increase = rate.replace("rate(", "increase(")
    same = f"sum(abs(300 * (\n{rate}\n) - (\n{increase}\n))) < bool 1e-9"
    test = {
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "15s",
                "input_series": INPUTS,
                "promql_expr_test": [{"expr": same, "eval_time": "15m", "exp_samples": [{"labels": "{}", "value": 1}]}],
            }
        ],
    }
    file = tmp_path / "test.yml"
    file.write_text(yaml.safe_dump(test), encoding="utf-8")
    done = subprocess.run(
        [program("promtool", package="prometheus"), "test", "rules", file], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr + done.stdout


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("a", Count(text="a", over_window=False)),
        ('sum(a{b="c}"})', Count(text='sum(a{b="c}"})', over_window=False)),
        ("increase(a[{{ .window }}])", Count(text="increase(a[{{.window}}])", over_window=True)),
        ("rate(a[1h30m])", Count(text="rate(a[{{.window}}])", over_window=True, was="1h30m")),
        ("sum(count_over_time(a[{{.window}}]))", Count(text="sum(count_over_time(a[{{.window}}]))", over_window=True)),
        (
            "sum(increase(a[{{.window}}]) > 1)",
            Count(text="sum(increase(a[{{.window}}]) > 1)", over_window=True, adds_up=False),
        ),
        ("max(a) > 0", Count(text="max(a) > 0", over_window=False, adds_up=False)),
    ],
)
def test_what_counts_is_taken_as_it_is_written(text: str, count: Count) -> None:
    assert counted(text) == count


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("1", "counts nothing"),
        ("vector(0)", "counts nothing"),
        ("2 + 2", "counts nothing"),
        ("a + rate(a[5m])", "adds up rates, counts and counters, of which it may have one sort only"),
        ("rate(a[5m]) + increase(a[5m])", "adds up rates, counts and counters, of which it may have one sort only"),
        ("rate(a[5m]) + rate(b[1m])", "looks at several ranges: 1m, 5m"),
        ("rate(a[5m]) > 1", "does more with rate() than add it up, so that its unit is not known"),
        ("rate(a[5m]) ^ 2", "does more with rate() than add it up, so that its unit is not known"),
        ("rate(a[5m]) / rate(b[5m])", "does more with rate() than add it up, so that its unit is not known"),
        ("1 - rate(a[5m])", "does more with rate() than add it up, so that its unit is not known"),
        ("irate(a[5m])", "does more with irate() than add it up, so that its unit is not known"),
        (
            "sum_over_time((a > 1)[{{.window}}:])",
            "has a window that is not plainly [{{.window}}], as that of a subquery",
        ),
        ('a{b="{{.window}}"}', "has the window in a text or a comment"),
        ("(a > 1)[5m:]", "looks at a fixed range, which is neither a counter nor an increase over [{{.window}}]"),
    ],
)
def test_what_cannot_be_counted_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(Uncountable) as caught:
        counted(text)
    assert str(caught.value) == reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (" ", "is empty"),
        ("# nothing", "is empty"),
        ("sum(a", "has a ( at column 4 that is not closed"),
        ("sum(a))", "has a ) at column 7 that closes nothing"),
        ("sum(a\n+ [b)", "has a ) at line 2, column 5 that closes nothing"),
        ('a{b="c}', "has '\"' at column 5, where PromQL has none"),
        ("a[$__interval]", "has '$' at column 3, where PromQL has none"),
        ("a[{{.range}}]", "has a template other than {{.window}} at column 3"),
        ("(" * 60 + "a" + ")" * 60, "has more than 50 brackets in one another at column 51"),
        (
            "sum(a{b=5})",
            'has no selector at column 5: column 5: no text after b=; write it in quotes: b="..."',
        ),
    ],
)
def test_what_is_no_promql_is_told_with_its_place(text: str, reason: str) -> None:
    with pytest.raises(NoExpression) as caught:
        counted(text)
    assert str(caught.value) == reason


@pytest.mark.parametrize(
    ("text", "split"),
    [
        ("a / b", ("bad", "a", "b")),
        ("((a) / (b))", ("bad", "(a)", "(b)")),
        ("1 - (a / b)", ("good", "a", "b")),
        ("(1 - a / b)", ("good", "a", "b")),
        ("(a - b) / c", ("bad", "(a - b)", "c")),
        ("a", None),
        ("a / b / c", None),
        ("a / on (d) b", None),
        ("1 - a", None),
        ("(a) - (b)", None),
        ("a / b > 0", None),
        ("/ b", None),
        ("1 -", None),
    ],
)
def test_a_ratio_is_taken_apart_where_it_is_plainly_a_quotient(text: str, split: tuple[str, str, str] | None) -> None:
    assert split_ratio(text) == split


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("sum(a) - sum(b)", "sum(b)"),
        ("(\n sum( a )\n -\n (sum(b)) # good\n)", "(sum(b))"),
        ("(sum(a)) - sum(b)", "sum(b)"),
        ("sum(a)", ""),
        ("sum(b) - sum(a)", ""),
        ("sum(a) - sum(b) - sum(c)", ""),
        ("sum(a) + sum(b)", ""),
        ("sum(a) -", ""),
    ],
)
def test_what_is_taken_off_the_total_is_the_other_part(text: str, rest: str) -> None:
    assert remainder(text, "sum(a)") == rest


PIECES = st.sampled_from(
    [
        *(
            "rate(",
            "increase(",
            "sum(",
            "sum by (x) (",
            "vector(0)",
            "(",
            ")",
            "[5m]",
            "[{{.window}}]",
            "[{{ .window }}:]",
        ),
        *(
            "a",
            "b{c='d'}",
            '"',
            "`",
            "{",
            "}",
            "{{",
            "+",
            "-",
            "/",
            "*",
            "or",
            "on()",
            "2",
            "5m",
            "offset",
            " ",
            "\n",
            "#",
            "$",
        ),
    ]
)


@given(st.lists(PIECES, max_size=25).map("".join) | st.text(max_size=60))
def test_any_text_is_counted_or_refused(text: str) -> None:
    with contextlib.suppress(NoExpression, Uncountable):
        split_ratio(text)
        count = counted(text)
        assert count.over_window == ("[{{.window}}]" in count.text)
        assert counted(count.text) == replace(count, was="")


def test_the_table_in_the_manual_is_true() -> None:
    manual = (Path(__file__).parent.parent.parent / "docs" / "import.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (.*) \| (.*) \|$", manual.split("## Sloth")[0], re.MULTILINE)[1:]
    assert len(rows) == 10
    for left, right in rows:
        for text in re.findall(r"`([^` ]*\([^`]*)`", left):
            if right.startswith("no counterpart"):
                with pytest.raises(Uncountable):
                    counted(text)
            else:
                assert counted(text).text == (text if right.startswith("itself") else right.strip("`"))
