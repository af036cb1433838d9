"""A new journal has exactly the tables that the migrations make, all of them or none."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from slo.core.priority import Priority
from slo.errors import StoreDamaged, StoreError
from slo.store import engines, migrate, migrations
from slo.store.chain import FIRST
from slo.store.tables import EVENT_TRIGGERS, REVISION, REVISIONS, metadata
from tests.store.making import NOW, journal, message, opened, put


def test_a_new_journal_is_what_the_migrations_make_from_nothing(tmp_path: Path) -> None:
    new, migrated = tmp_path / "new.db", tmp_path / "migrated.db"
    with journal(new):
        pass
    migrated.touch()
    engine = engines.writer(migrated, busy_timeout_seconds=1)
    migrate.upgrade(engine, migrated)
    with engine.begin() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()
    assert schema(new) == schema(migrated)
    assert {*metadata.tables, *EVENT_TRIGGERS} <= schema(new).keys()
    for path in (new, migrated):
        with closing(sqlite3.connect(path)) as db:
            assert db.execute("SELECT * FROM alembic_version").fetchall() == [(REVISION,)]
            assert db.execute("SELECT * FROM head").fetchall() == [(1, 0, FIRST)]


def test_every_migration_is_listed_in_its_order() -> None:
    config = Config()
    config.set_main_option("script_location", "slo.store:migrations")
    scripts = ScriptDirectory.from_config(config)
    found = [script.revision for script in scripts.walk_revisions()]
    assert tuple(reversed(found)) == REVISIONS
    assert scripts.get_current_head() == REVISION == REVISIONS[-1]


def test_every_migration_is_in_the_package() -> None:
    folder = Path(migrations.__file__).parent
    assert (folder / "env.py").exists()
    assert len(list((folder / "versions").glob("r0*.py"))) == len(REVISIONS)


def test_a_journal_of_a_newer_version_is_refused_with_the_mend_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with journal(path) as store:
        store.commit([opened()], [], at=NOW)
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE alembic_version SET version_num = '9999'")
    with closing(sqlite3.connect(path)):
        was = path.read_bytes()
    with pytest.raises(
        StoreError, match=rf"newer Watchkeep \(revision 9999, this one knows {REVISION}\): install"
    ) as error:
        journal(path).__enter__()
    assert not isinstance(error.value, StoreDamaged)
    assert path.read_bytes() == was


def test_a_journal_that_cannot_be_begun_leaves_no_file_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "journal.db"
    with monkeypatch.context() as patched:
        patched.setattr(migrate, "transaction", lambda *_: (_ for _ in ()).throw(StoreDamaged("half way")))
        with pytest.raises(StoreDamaged, match="half way"):
            journal(path).__enter__()
    assert not path.exists()
    with journal(path) as store:
        assert store.verify() == 0


def test_a_journal_that_is_behind_is_migrated_in_one_transaction(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "journal.db"
    with journal(path) as store:
        store.commit([opened()], [], at=NOW)
    monkeypatch.setattr(migrate, "REVISION", "9999")
    monkeypatch.setattr(migrate, "REVISIONS", (*REVISIONS, "9999"))
    versions = tmp_path / "migrations" / "versions"
    versions.mkdir(parents=True)
    shipped = Path(migrations.__file__).parent
    (versions.parent / "env.py").write_text((shipped / "env.py").read_text())
    for script in (shipped / "versions").glob("r0*.py"):
        (versions / script.name).write_text(script.read_text())
    following = versions / "r9999.py"
    head = f"from alembic import op\nrevision = '9999'\ndown_revision = '{REVISION}'\n\n"
    following.write_text(
        f"{head}def upgrade():\n    op.execute('CREATE TABLE half (id INTEGER)')\n    op.execute('nonsense')\n"
    )
    monkeypatch.setattr(migrate, "SCRIPTS", os.fspath(versions.parent))
    with pytest.raises(StoreError, match="nonsense"):
        journal(path).__enter__()
    assert "half" not in tables(path)
    following.write_text(f"{head}def upgrade():\n    op.execute('CREATE TABLE whole (id INTEGER)')\n")
    with journal(path) as store:
        assert store.verify() == 1
    assert "whole" in tables(path)


def test_what_waits_in_a_journal_of_the_first_version_goes_out_in_its_order(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with journal(path) as store:
        put(store, message("ticket", priority=Priority.P2), message("page", key="k2"))
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("DROP INDEX outbox_due")
        db.execute("DROP INDEX outbox_waiting")
        db.execute("UPDATE alembic_version SET version_num = '0001'")
    with journal(path) as store:
        assert [each.message.id for each in store.due(NOW)] == ["page", "ticket"]
    assert {"outbox_due", "outbox_waiting"} <= tables(path)


def schema(path: Path) -> dict[str, str]:
    """By the name of each table, index and trigger, what makes it, whatever spaces and lines it is written with."""
    with closing(sqlite3.connect(path)) as db:
        return {name: "".join((sql or "").split()) for name, sql in db.execute("SELECT name, sql FROM sqlite_master")}


def tables(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as db:
        return {name for (name,) in db.execute("SELECT name FROM sqlite_master")}
