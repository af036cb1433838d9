"""Heartbeats: a table that somebody writes the time to on the primary. How old it is, is the lag of a standby."""

from typing import Annotated

from pydantic import Field

from exporters.postgres.statement import Column, Statement
from exporters.postgres.table import Table
from slo.config.types import Section

HEARTBEAT = "heartbeat"


class Heartbeat(Section):
    """A table that somebody writes the time to on the primary, again and again, as `write_probe` does."""

    table: Table
    """The table, as watchkeep.canary."""

    column: Annotated[str, Field(pattern=r"^[^\"\x00\s]{1,63}$")] = "at"
    """Its column of type timestamptz: the newest of them counts."""

    def statement(self) -> Statement:
        """How old the newest row is."""
        return Statement(
            name=HEARTBEAT,
            columns=(Column(name="age", value=f'extract(epoch FROM now() - max("{self.column}"))'),),
            source=f"FROM {self.table}",
            limit=1,
        )
