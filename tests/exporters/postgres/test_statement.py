"""What each version of the server is asked, and what is made of its rows."""

import math
from itertools import pairwise

import pytest

from exporters.postgres.own import FAMILIES, family
from exporters.postgres.settings import SETTINGS, settings
from exporters.postgres.sizes import DATABASE_SIZES
from exporters.postgres.statement import Reader, major, number, questions
from exporters.postgres.told import slow
from slo.core.sample import Sample
from slo.net.sql import Result
from tests.exporters.postgres.saying import FAST, PRIMARY, SELDOM, answers

VERSIONS = (12, 13, 14, 15, 16, 17)


def asked(version: int) -> dict[str, str]:
    return {question.name: question.sql for question in questions((*FAST, *SELDOM), version)}


def test_columns_that_some_versions_do_not_have() -> None:
    for statement, column, versions in (
        ("stat_database", "session_time", {14, 15, 16, 17}),
        ("stat_database_conflicts", "confl_active_logicalslot", {16, 17}),
        ("replication_slots", "wal_status", {13, 14, 15, 16, 17}),
        ("bgwriter", "b.checkpoints_timed", {12, 13, 14, 15, 16}),
        ("bgwriter", "b.buffers_backend", {12, 13, 14, 15, 16}),
        ("bgwriter", "c.num_timed", {17}),
        ("stat_statements", "s.total_time", {12}),
        ("stat_statements", "s.total_exec_time", {13, 14, 15, 16, 17}),
        ("stat_statements", "s.blk_read_time", {12, 13, 14, 15, 16}),
        ("stat_statements", "s.shared_blk_read_time", {17}),
    ):
        assert {version for version in VERSIONS if column in asked(version)[statement]} == versions, column
    assert {version for version in VERSIONS if "checkpointer" in asked(version)} == {17}


def test_a_version_that_is_not_known_is_asked_as_the_nearest_that_is() -> None:
    assert asked(9) == asked(0) == asked(12)
    assert asked(18) == asked(99) == asked(17)


@pytest.mark.parametrize(
    ("said", "version"), [("15.6 (Debian 15.6-1)", 15), ("17beta1", 17), ("12", 12), ("", 0), ("of late", 0)]
)
def test_the_version_that_is_told_at_the_login(said: str, version: int) -> None:
    assert major(said) == version


def test_names_of_metrics_stay_the_same_from_version_to_version() -> None:
    told = {
        version: {sample.name for sample in slow(answers(PRIMARY, version=version), Reader("a")).samples}
        for version in VERSIONS
    }
    gone = {"pg_stat_bgwriter_buffers_backend_total", "pg_stat_bgwriter_buffers_backend_fsync_total"}
    assert told[12] - told[17] == gone
    for earlier, later in pairwise(VERSIONS[:-1]):
        assert told[earlier] <= told[later]


def test_every_metric_has_a_help() -> None:
    for version in VERSIONS:
        for question in questions((*FAST, *SELDOM), version):
            for _, name in question.metrics:
                assert FAMILIES[name].help.endswith(".")
    known = family("pg_settings_max_connections")
    assert known is not None
    assert known.type == "gauge"
    assert family("mysql_up") is None


def test_the_text_of_a_query_is_never_asked_for() -> None:
    for version in VERSIONS:
        assert all(" query" not in sql and ".query," not in sql for sql in asked(version).values())


@pytest.mark.parametrize(
    ("text", "value"),
    [("7", 7.0), ("-0.5", -0.5), (None, math.nan), ("x", math.nan), ("", math.nan), ("Infinity", math.inf)],
)
def test_numbers(text: str | None, value: float) -> None:
    assert repr(number(text)) == repr(value)


SETTING_ROWS = {
    "max_connections": ("100", None, "integer", ("pg_settings_max_connections", 100.0)),
    "fsync": ("on", None, "bool", ("pg_settings_fsync", 1.0)),
    "jit": ("off", None, "bool", ("pg_settings_jit", 0.0)),
    "shared_buffers": ("16384", "8kB", "integer", ("pg_settings_shared_buffers_bytes", 16384 * 8192.0)),
    "max_wal_size": ("1024", "MB", "integer", ("pg_settings_max_wal_size_bytes", 2.0**30)),
    "track_activity_query_size": ("1024", "B", "integer", ("pg_settings_track_activity_query_size_bytes", 1024.0)),
    "deadlock_timeout": ("1500", "ms", "integer", ("pg_settings_deadlock_timeout_seconds", 1.5)),
    "log_rotation_age": ("1440", "min", "integer", ("pg_settings_log_rotation_age_seconds", 86400.0)),
    "log_temp_files": ("-1", "kB", "integer", ("pg_settings_log_temp_files_bytes", -1.0)),
    "autovacuum_vacuum_scale_factor": ("0.2", None, "real", ("pg_settings_autovacuum_vacuum_scale_factor", 0.2)),
    "pg_stat_statements.max": ("5000", None, "integer", ("pg_settings_pg_stat_statements_max", 5000.0)),
    "of_unknown_unit": ("1", "fortnight", "integer", None),
    "no name": ("1", None, "integer", None),
    "garbage": ("x", "ms", "integer", ("pg_settings_garbage_seconds", math.nan)),
    "neither": ("maybe", None, "bool", ("pg_settings_neither", math.nan)),
}


@pytest.mark.parametrize(("name", "said"), SETTING_ROWS.items())
def test_settings_in_seconds_and_bytes(name: str, said: tuple[str, str | None, str, tuple[str, float] | None]) -> None:
    *row, expected = said
    text, unit, sort = row
    (question,) = questions((SETTINGS,), 15)
    found = [*settings(question, Result(rows=((name, text, unit, sort),)), Reader("a"))]
    assert [(sample.name, repr(sample.value)) for sample in found] == (
        [(expected[0], repr(expected[1]))] if expected else []
    )


def test_the_same_series_has_the_same_labels_from_round_to_round_and_one_that_is_gone_is_forgotten() -> None:
    (question,) = questions((DATABASE_SIZES,), 15)
    reader = Reader("db.example:5432")

    def read(*rows: tuple[str, str]) -> list[Sample]:
        return [*reader.read(question, Result(rows=rows))]

    first = read(("a", "1"), ("b", "2"))
    again = read(("a", "1"), ("b", "2"))
    assert all(one is two for one, two in zip(first, again, strict=True))
    later = read(("b", "3"), ("c", "4"))
    assert later[0].value == 3
    assert later[0].labels is first[1].labels
    assert read(("a", "1"))[0].labels is not first[0].labels
    assert first[0].labels == {"datname": "a", "server": "db.example:5432"}
    assert reader.of_version("15.6.0", "15.6") is reader.of_version("15.6.0", "15.6")
