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


def increase_rules(sli: PrometheusSLI, windows: Iterable[int], ledger: Ledger, step: int) -> list[Recording]:
    """What the expressions count in each of these windows (seconds), and in steps of `step` seconds."""
    shortest, *longer = sorted(windows)
    return [
        *_asked(sli, shortest, ledger),
        *entry_rules(
            ledger,
            step,
            {
                TOTAL: f"{ledger.entry(shortest, TOTAL)} * {step} / {shortest}",
                BAD: f"{ledger.entry(shortest, BAD)} * {step} / {shortest}",
                KNOWN: f"0 * {ledger.entry(shortest, TOTAL)} + {step}",
            },
        ),
        _known(shortest, ledger, step),
        *(rule for window in longer for rule in (*_asked(sli, window, ledger), _known(window, ledger, step))),
    ]


def _asked(sli: PrometheusSLI, window: int, ledger: Ledger) -> list[Recording]:
    total, part = (_counted(text, window, ledger) for text in (sli.total, sli.part))
    all_events = ledger.entry(window, TOTAL)
    part = either(part, f"0 * {all_events}")
    return entry_rules(
        ledger, window, {TOTAL: total, BAD: part if sli.part_is == "bad" else f"{all_events} - {enclosed(part)}"}
    )


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
