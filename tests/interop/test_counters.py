"""What is plainly the sum of counters can be imported as counters, of which rules can be written."""

from pathlib import Path

import pytest
import yaml

from slo.config.load import load
from slo.core.selector import parse_selector
from slo.core.sli import CountersSLI, PrometheusSLI, Weighted
from slo.interop.counters import by_counters
from slo.interop.native import document, rendered
from slo.kinds import Kinds
from tests.interop.making import FORMS, SERVER, unfed

HERE = Path(__file__).parent
KINDS = Kinds.installed()
LATENCY = """\
version: prometheus/v1
service: shop
slos:
  - name: latency
    objective: 99
    sli:
      events:
        error_query: |
          sum(rate(shop_seconds_count{job="shop"}[{{.window}}]))
          -
          sum(rate(shop_seconds_bucket{job="shop",le="0.4"}[{{.window}}]))
        total_query: sum(rate(shop_seconds_count{job="shop"}[{{.window}}]))
    alerting: {name: Latency}
  - name: both
    objective: 99
    sli:
      events:
        error_query: sum(rate(a_total[{{.window}}])) + sum(rate(b_total[{{.window}}]))
        total_query: sum(rate(c_total[{{.window}}]))
    alerting: {name: Both}
"""


@pytest.mark.parametrize("path", sorted(HERE.glob("*/in-*")), ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_an_import_by_counters_loads_as_it_was_read(path: Path, tmp_path: Path) -> None:
    read = by_counters(FORMS[path.parent.name]([path], server=SERVER))
    written = tmp_path / "watch.yaml"
    written.write_text(rendered(read, "Imported."), encoding="utf-8")
    assert yaml.safe_load(written.read_text(encoding="utf-8")) == document(read)
    assert unfed(load(written, KINDS, {}).slos) == read.slos
    assert {type(slo.definition) for slo in read.slos} <= {CountersSLI, Weighted}


def test_a_latency_as_sloth_has_it_is_the_buckets_of_its_histogram(tmp_path: Path) -> None:
    file = tmp_path / "in.yaml"
    file.write_text(LATENCY, encoding="utf-8")
    latency, both = by_counters(FORMS["sloth"]([file], server=SERVER)).entries
    assert latency.slo
    assert latency.slo.definition == CountersSLI(
        total=parse_selector('shop_seconds_count{job="shop"}'),
        part=parse_selector('shop_seconds_bucket{job="shop",le="0.4"}'),
        part_is="good",
    )
    assert both.slo
    assert isinstance(both.slo.definition, PrometheusSLI)
    assert any("stays with its server" in note.problem for note in both.notes)
