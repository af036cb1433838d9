"""What is written can be read by people and by the configuration, whatever is in it."""

from dataclasses import replace
from datetime import timedelta
from fractions import Fraction

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from slo.config.load import load
from slo.config.nodes import Place
from slo.core.calendar import CalendarWindow, Period
from slo.core.policy import POLICIES, Pair, Severity
from slo.core.scaling import scaled_policy
from slo.core.sli import PrometheusSLI
from slo.core.slo import SLO
from slo.errors import ConfigFault
from slo.interop.fitting import share_text
from slo.interop.imported import Entry, Import
from slo.interop.native import document, rendered
from slo.kinds import Kinds
from tests.interop.making import SERVER, unfed

KINDS = Kinds.installed()
SLI = PrometheusSLI(server="prometheus", total="all_total", part="bad_total", part_is="bad")
CARTS = SLO(
    name="carts",
    objective=Fraction(999, 1000),
    window=timedelta(days=30),
    sli=SLI.key,
    definition=SLI,
    pairs=POLICIES["google-30d"],
)
NOTE = ConfigFault(file="in.yaml", line=3, column=1, path="a", problem="is lost", mend="find it")


def import_of(*slos: SLO, note: ConfigFault = NOTE) -> Import:
    entries = [Entry(origin=Place("in.yaml", 2, 1), name=slo.name, slo=slo, notes=(note,)) for slo in slos]
    left_out = Entry(origin=Place("in.yaml", 9, 1), name="wheels", slo=None, notes=(note,))
    return Import(servers={"prometheus": SERVER}, entries=(*entries, left_out), notes=(note,))


def test_notes_stand_where_they_belong_and_what_is_left_out_has_its_place() -> None:
    assert rendered(import_of(CARTS), "Imported.") == (
        "# Imported.\n"
        "# in.yaml:3:1: a: is lost; find it\n"
        "\n"
        "servers:\n"
        "  # No file says where it is: say it with --server-url.\n"
        "  - name: prometheus\n"
        "    url: http://127.0.0.1:9090\n"
        "\n"
        "slos:\n"
        "  # carts, in.yaml:2\n"
        "  # in.yaml:3:1: a: is lost; find it\n"
        "  - name: carts\n"
        "    objective: 99.9%\n"
        "    window: 30d\n"
        "    sli:\n"
        "      prometheus:\n"
        "        server: prometheus\n"
        "        total: all_total\n"
        "        bad: bad_total\n"
        "    burn_policy: google-30d\n"
        "\n"
        "  # wheels, in.yaml:9, is left out\n"
        "  # in.yaml:3:1: a: is lost; find it\n"
    )


def test_the_data_is_that_of_the_file() -> None:
    assert yaml.safe_load(rendered(import_of(CARTS), "Imported.")) == document(import_of(CARTS))


@pytest.mark.parametrize(
    ("changes", "key", "written"),
    [
        ({}, "burn_policy", "google-30d"),
        ({"window": timedelta(days=28), "pairs": POLICIES["google-28d"]}, "burn_policy", "google-28d"),
        (
            {
                "window": timedelta(days=7),
                "pairs": scaled_policy(timedelta(days=7), slot=timedelta(seconds=10), shortest=timedelta(seconds=90)),
            },
            "burn_policy",
            None,
        ),
        (
            {
                "pairs": (
                    Pair(
                        long=timedelta(hours=36),
                        short=timedelta(hours=3),
                        budget=Fraction(1, 8),
                        severity=Severity.TICKET,
                        hold=timedelta(minutes=90),
                    ),
                )
            },
            "burn_policy",
            [{"long": "1d12h", "short": "3h", "budget": "12.5%", "severity": "ticket", "for": "1h30m"}],
        ),
        (
            {"calendar": CalendarWindow(period=Period.MONTH, zone="Europe/London")},
            "window",
            {"calendar": "month", "zone": "Europe/London"},
        ),
    ],
)
def test_policies_and_windows_are_written_as_a_person_would(
    changes: dict[str, object], key: str, written: object
) -> None:
    whole = yaml.safe_load(rendered(import_of(replace(CARTS, **changes)), "Imported."))  # type: ignore[arg-type]
    assert whole["slos"][0].get(key) == written


def test_counts_are_kept_as_long_as_the_longest_window() -> None:
    assert "store" not in document(import_of(CARTS))
    long = replace(CARTS, window=timedelta(days=365))
    assert document(import_of(CARTS, long))["store"] == {"retention": "365d"}
    quarter = replace(CARTS, calendar=CalendarWindow(period=Period.QUARTER, zone="UTC"))
    assert document(import_of(quarter))["store"] == {"retention": "93d"}


@given(
    texts=st.lists(st.text(min_size=1), min_size=4, max_size=4),
    label=st.from_regex(r"[a-z]{1,3}_x", fullmatch=True),
)
def test_any_text_comes_back_and_no_note_ends_its_comment(
    texts: list[str], label: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    total, part, value, description = texts
    sli = PrometheusSLI(server="prometheus", total=total, part=part, part_is="good")
    slo = replace(CARTS, sli=sli.key, definition=sli, labels={label: value}, description=description)
    note = replace(NOTE, file=total, problem=part, mend=value)
    written = tmp_path_factory.mktemp("native") / "watch.yaml"
    text = rendered(import_of(slo, note=note), description)
    written.write_text(text, encoding="utf-8")
    assert unfed(load(written, KINDS, {}).slos) == (slo,)


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (Fraction(999, 1000), "99.9%"),
        (Fraction(1), "100%"),
        (Fraction(1, 10**17), "0.000000000000001%"),
        (Fraction(1, 10**18), ""),
        (Fraction(1, 3), ""),
    ],
)
def test_a_share_is_written_exactly_or_not_at_all(share: Fraction, text: str) -> None:
    assert share_text(share) == text
