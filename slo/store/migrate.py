"""The journal's tables: made as they are now, or brought there by the migrations. Only these import alembic."""

from pathlib import Path

from sqlalchemy import Engine

from slo.errors import StoreDamaged, StoreError
from slo.store.chain import FIRST
from slo.store.engines import transaction
from slo.store.tables import EVENT_TRIGGERS, REVISION, REVISIONS, head, metadata, version

SCRIPTS = "slo.store:migrations"
"""Where alembic finds the migrations: the folder in the package."""


def begin(writer: Engine, path: Path) -> None:
    """Make in an empty file what the migrations make from nothing, without the time and the memory that they take."""
    with transaction(writer, path) as connection:
        for each in (metadata, version.metadata):
            each.create_all(connection, checkfirst=False)
        for trigger in EVENT_TRIGGERS.values():
            connection.exec_driver_sql(trigger)
        connection.execute(head.insert(), {"id": 1, "sequence": 0, "hash": FIRST})
        connection.execute(version.insert(), {"version_num": REVISION})


def migrate(reader: Engine, writer: Engine, path: Path) -> None:
    """Run the migrations that `path` lacks.

    Looks before it writes, so that a file of somebody else stays as it is. Raises StoreDamaged for a file that is no
    journal, StoreError for one of a newer version.
    """
    if revision(reader, path) != REVISION:
        upgrade(writer, path)


def upgrade(writer: Engine, path: Path) -> None:
    """Run migrations, all in one transaction."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", SCRIPTS)
    with transaction(writer, path) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def revision(reader: Engine, path: Path) -> str:
    """The migration that the journal is at. Raises as `migrate` does."""
    with transaction(reader, path) as connection:
        tables = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'").scalars().all()
        if "alembic_version" not in tables or "events" not in tables:
            raise StoreDamaged(f"{path}: is no journal of Watchkeep: move it away, or name another folder with --data")
        found = str(connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar())
    if found not in REVISIONS:
        raise StoreError(
            f"{path}: was written by a newer Watchkeep (revision {found}, this one knows {REVISION}): install that "
            "version again, or name another folder with --data"
        )
    return found
