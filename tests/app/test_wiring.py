"""From settings to what they describe."""

import json
from pathlib import Path
from typing import Any

import pytest

import probes.tcp
from slo.app.checks import checks_of
from slo.app.scrapes import Scrapes
from slo.app.wiring import destinations_of, fed_of, refuse_unfed
from slo.config.load import load
from slo.config.settings import Settings
from slo.errors import ConfigError
from slo.kinds import Kinds
from slo.net.context import Context
from slo.runner.clock import SteadyClock
from slo.sources.checks import Fed
from slo.sources.scrape import Scrape
from tests.app import scraping
from tests.app.played import configuration

KINDS = Kinds.installed()
ASKED = scraping.an_slo("asked") | {"sli": {"prometheus": {"server": "here", "total": "a_total", "bad": "b_total"}}}


def settings(folder: Path, config: dict[str, Any]) -> Settings:
    path = folder / "watchkeep.yaml"
    path.write_text(json.dumps(config), encoding="utf-8")
    return load(path, KINDS, {})


@pytest.fixture
def context() -> Context:
    return Context.default(SteadyClock())


async def test_probes_become_checks_and_only_those_that_an_slo_looks_at_feed_it(
    tmp_path: Path, context: Context
) -> None:
    config = configuration("gate", "deck")
    del config["slos"][1]
    made = settings(tmp_path, config)
    checks = checks_of(made, KINDS, context, tmp_path)
    assert [(check.name, check.module, check.target) for check in checks] == [
        ("gate", "tcp", "127.0.0.1:1"),
        ("deck", "tcp", "127.0.0.1:1"),
    ]
    assert fed_of(made, made.slos) == [Fed(sli="probe:gate", check="gate")]


async def test_a_check_is_another_one_only_where_its_configuration_is(tmp_path: Path, context: Context) -> None:
    config = configuration("gate", "deck")
    before = checks_of(settings(tmp_path, config), KINDS, context, tmp_path)
    config["probes"][1]["interval"] = "5s"
    after = checks_of(settings(tmp_path, config), KINDS, context, tmp_path)
    assert [one == other for one, other in zip(before, after, strict=True)] == [True, False]


async def test_pagerduty_is_told_of_pages_only_and_a_hook_of_everything(tmp_path: Path, context: Context) -> None:
    config = configuration("gate")
    config["destinations"].append({"name": "hook", "type": "webhook", "url": "http://127.0.0.1:9/"})
    destinations, paging = destinations_of(settings(tmp_path, config), KINDS, context, tmp_path)
    assert (list(destinations), paging) == (["oncall", "hook"], frozenset({"oncall"}))


async def test_scrapes_become_checks_that_are_others_where_what_is_looked_out_for_is(
    tmp_path: Path, context: Context
) -> None:
    config = scraping.configuration(targets=("api", "jobs"))
    config["scrapes"][1] |= {"labels": {"job": "batch"}, "interval": "5s"}
    before = Scrapes(settings(tmp_path, config), context, tmp_path).written
    assert [(check.name, check.target, check.interval_seconds, check.timeout_seconds) for check in before] == [
        ("api", "http://127.0.0.1:1/api", 10, 5),
        ("jobs", "http://127.0.0.1:1/jobs", 5, 5),
    ]
    config["scrapes"][0]["labels"] = {"job": "gateway"}
    relabelled = Scrapes(settings(tmp_path, config), context, tmp_path).written
    assert [one == other for one, other in zip(before, relabelled, strict=True)] == [False, True]
    config["slos"].append(scraping.an_slo("jobs", total="jobs_total", bad="jobs_failed_total"))
    more = Scrapes(settings(tmp_path, config), context, tmp_path).written
    assert [one == other for one, other in zip(relabelled, more, strict=True)] == [False, False]


@pytest.mark.parametrize(
    ("own", "labels"),
    [
        ({}, {"job": "api", "instance": "127.0.0.1:1"}),
        (
            {"labels": {"job": "gateway", "cluster": "eu"}},
            {"job": "gateway", "instance": "127.0.0.1:1", "cluster": "eu"},
        ),
        ({"url": "https://api.example/metrics"}, {"job": "api", "instance": "api.example"}),
    ],
    ids=["as in Prometheus", "of its own", "a port that goes without saying"],
)
async def test_series_get_the_labels_that_prometheus_would_give_them(
    own: dict[str, Any], labels: dict[str, str], tmp_path: Path, context: Context
) -> None:
    config = scraping.configuration()
    config["scrapes"][0] |= own
    (scrape,) = Scrapes(settings(tmp_path, config), context, tmp_path).written
    assert isinstance(scrape.check, Scrape)
    series = scrape.check._cache.add(b"http_requests_total", {"__name__": "http_requests_total"})
    assert series is not None
    assert series[1] == {"__name__": "http_requests_total", **labels}


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"scrapes": []}, "slos[api-availability].sli.counters: no scrape can feed it; add the targets to `scrapes`"),
        (
            {"slos": [scraping.an_slo(total='requests_total{job="apj"}', bad="failures_total")]},
            (
                'slos[api-availability].sli.counters: no scrape can feed it: requests_total{job="apj"} wants labels '
                "that no target has; `job` is the name of a scrape"
            ),
        ),
        (
            {
                "servers": [{"name": "here", "url": "http://127.0.0.1:9090", "interval": "10s"}],
                "slos": [
                    ASKED
                    | {"group_by": ["cluster"], "sli": {"prometheus": {"server": "here", "total": "a + b", "bad": "b"}}}
                ],
            },
            (
                "slos[asked].group_by: only sums of counters are watched by group: the expressions are more than that; "
                "write them as sum(rate(METRIC{...}[{{.window}}])), or write an SLO for each group"
            ),
        ),
    ],
)
async def test_slos_that_nothing_feeds_are_refused(change: dict[str, Any], fault: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refusal:
        refuse_unfed(settings(tmp_path, scraping.configuration() | change), tmp_path)
    assert fault in str(refusal.value)


async def test_what_fed_an_earlier_definition_may_be_gone(tmp_path: Path) -> None:
    before, now = (
        scraping.an_slo(total=f'requests_total{{job="{job}"}}', bad="failures_total") for job in ("old", "api")
    )
    refuse_unfed(settings(tmp_path, scraping.configuration(now | {"effective_from": "2026-03-01"}, before)), tmp_path)


async def test_every_probe_that_cannot_be_built_is_named_with_the_reason(
    tmp_path: Path, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError("the certificate is gone")

    made = settings(tmp_path, configuration("gate", "deck"))
    monkeypatch.setattr(probes.tcp, "build", refuse)
    with pytest.raises(ConfigError) as refusal:
        checks_of(made, KINDS, context, tmp_path / "watchkeep.yaml")
    assert [(fault.path, fault.problem) for fault in refusal.value.faults] == [
        ("probes[gate]", "cannot be used: the certificate is gone"),
        ("probes[deck]", "cannot be used: the certificate is gone"),
    ]
