"""SLIs by expressions over a window that we fill in, as they are written: `sum(increase(errors_total[{{.window}}]))`.

What such an expression does inside cannot be taken apart into steps. So alerts ask for each of their windows whole, and
the budget adds up the shortest of them, at every step its share of one step: by event, and smooth over that window.
"""

from collections.abc import Iterable

from slo.core.expression import is_per_second, with_window
from slo.core.sli import PrometheusSLI
from slo.interop.prometheus.expressions import either, enclosed, samples
from slo.interop.prometheus.rule import Recording
from slo.interop.prometheus.series import BAD, ENTRY, KNOWN, TOTAL, Ledger
from slo.interop.prometheus.steps import entry_rules

A_NUMBER = "> -Inf"
"""What NaN is not: one of it would stay in every sum for as long as a window is."""


def increase_rules(sli: PrometheusSLI, windows: Iterable[int], ledger: Ledger, step: int) -> list[Recording]:
    """What the expressions count in each of these windows (seconds), and in steps of `step` seconds.

    A step for which one of them gives no number, as a quotient in idle times does, is not known.
    """
    shortest, *longer = sorted(windows)
    total, bad = (ledger.entry(shortest, entry) for entry in (TOTAL, BAD))
    on, share = ledger.names.on, f"{step} / {shortest}"
    return [
        *_asked(sli, shortest, ledger),
        *entry_rules(
            ledger,
            step,
            {
                TOTAL: f"{total} * {share}\nand {on}\n{bad}",
                BAD: f"{bad} * {share}\nand {on}\n{total}",
                KNOWN: f"0 * {ledger.entry(step, TOTAL)} + {step}",
            },
        ),
        _known(shortest, ledger, step),
        *(rule for window in longer for rule in (*_asked(sli, window, ledger), _known(window, ledger, step))),
    ]


def _asked(sli: PrometheusSLI, window: int, ledger: Ledger) -> list[Recording]:
    total, part = (_counted(text, window, ledger) for text in (sli.total, sli.part))
    all_events = ledger.entry(window, TOTAL)
    part = either(part, f"0 * {all_events}")
    bad = enclosed(part) if sli.part_is == "bad" else f"{all_events} - {enclosed(part)}"
    return entry_rules(ledger, window, {TOTAL: f"{total} {A_NUMBER}", BAD: f"{bad} {A_NUMBER}"})


def _counted(text: str, window: int, ledger: Ledger) -> str:
    """The events of a window, also where the expression says how many there are in a second."""
    expression = with_window(text.strip(), window)
    end = "\n" if "#" in expression else ""  # a comment ends with its line, and not with the parenthesis
    events = ledger.names.combined("sum", f"{expression}{end}")
    return f"{events} * {window}" if is_per_second(text) else events


def _known(window: int, ledger: Ledger, step: int) -> Recording:
    steps = samples(ledger.series(step, entry=KNOWN), window)
    return Recording(
        metric=ledger.metric,
        expression=ledger.names.combined("sum", f"sum_over_time({steps})"),
        labels=ledger.labels(window, **{ENTRY: KNOWN}),
    )
