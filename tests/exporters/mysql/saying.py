"""What servers of several sorts say of themselves, written by hand, to be changed by tests."""

from collections.abc import Mapping, Sequence

from slo.errors import Fault
from slo.net.mysql_answer import Refusal
from slo.net.sql import Result

Values = Mapping[str, str]

STATUS: Values = {
    "Com_select": "12",
    "Handler_commit": "3",
    "Connection_errors_accept": "0",
    "Innodb_rows_read": "9",
    "Innodb_buffer_pool_pages_data": "300",
    "Innodb_buffer_pool_pages_dirty": "4",
    "Innodb_buffer_pool_pages_flushed": "77",
    "Innodb_buffer_pool_pages_total": "8000",
    "Performance_schema_users_lost": "0",
    "Slaves_connected": "0",
    "Threads_connected": "3",
    "Uptime": "86400",
}
VARIABLES: Values = {
    "max_connections": "151",
    "read_only": "OFF",
    "server_id": "2",
    "server_uuid": "6ea18fc6-0000-0000-0000-000000000002",
    "tx_isolation": "REPEATABLE-READ",
    "version": "10.11.18-MariaDB-log",
    "version_comment": "Debian 12",
    "wsrep_on": "OFF",
}
MARIADB_REPLICA: Mapping[str, str | None] = {
    "Connection_name": "",
    "Slave_SQL_State": "Slave has read all relay log; waiting for more updates",
    "Slave_IO_State": "Waiting for master to send event",
    "Master_Host": "db-1.example",
    "Master_Port": "3306",
    "Master_Log_File": "bin.000004",
    "Read_Master_Log_Pos": "2000",
    "Relay_Master_Log_File": "bin.000004",
    "Slave_IO_Running": "Yes",
    "Slave_SQL_Running": "Yes",
    "Exec_Master_Log_Pos": "1500",
    "Seconds_Behind_Master": "0",
    "Last_IO_Error": "",
    "Last_SQL_Error": "",
    "Master_Server_Id": "1",
    "Gtid_IO_Pos": "0-1-40",
    "SQL_Delay": "0",
    "Slave_received_heartbeats": "5",
    "Slave_heartbeat_period": "10.000",
}
MYSQL_REPLICA: Mapping[str, str | None] = {
    "Replica_IO_State": "Waiting for source to send event",
    "Source_Host": "db-1.example",
    "Source_Port": "3306",
    "Source_Log_File": "binlog.000004",
    "Read_Source_Log_Pos": "2000",
    "Relay_Source_Log_File": "binlog.000004",
    "Replica_IO_Running": "Yes",
    "Replica_SQL_Running": "Yes",
    "Replicate_Do_DB": "",
    "Exec_Source_Log_Pos": "2000",
    "Seconds_Behind_Source": "0",
    "Last_IO_Error": "",
    "Last_SQL_Error": "",
    "Source_Server_Id": "1",
    "Source_UUID": "6ea18fc6-0000-0000-0000-000000000001",
    "Retrieved_Gtid_Set": "",
    "Channel_Name": "",
}
GALERA: Values = {
    "wsrep_cluster_size": "3",
    "wsrep_cluster_status": "Primary",
    "wsrep_cluster_state_uuid": "42cec05c-e9b3-11f1-8568-6ea18fc60fb1",
    "wsrep_evs_repl_latency": "0.0002/0.0003/0.0005/0.0001/5",
    "wsrep_local_state": "4",
    "wsrep_local_state_comment": "Synced",
    "wsrep_local_state_uuid": "42cec05c-e9b3-11f1-8568-6ea18fc60fb1",
    "wsrep_provider_version": "4.23(r0)",
    "wsrep_ready": "ON",
}


def pairs(values: Values) -> Result:
    """As SHOW GLOBAL STATUS and SHOW GLOBAL VARIABLES have them."""
    return Result(columns=("Variable_name", "Value"), rows=tuple(values.items()))


def table(*rows: Mapping[str, str | None], columns: Sequence[str] = ()) -> Result:
    """Rows of the same columns."""
    names = tuple(rows[0] if rows else columns)
    return Result(columns=names, rows=tuple(tuple(row.values()) for row in rows))


NOBODY = table(columns=tuple(MARIADB_REPLICA))


class Saying:
    """A session with a server that says what is written for the beginning of a statement, and refuses the rest."""

    def __init__(self, answers: Mapping[str, Result | Refusal], *, mariadb: bool = True, version: str = "") -> None:
        self.mariadb = mariadb
        self.version = version or ("5.5.5-10.11.18-MariaDB-log" if mariadb else "8.4.3")
        self.asked: list[str] = []
        self._answers = answers

    async def answer(self, statement: str) -> Result | Refusal:
        self.asked.append(statement)
        for beginning, answer in self._answers.items():
            if statement.startswith(beginning) or beginning in statement:
                return answer
        return Refusal(1064, Fault("query_refused", detail="1064: it is not understood"))

    answer_again = answer

    async def limit_time(self, seconds: float) -> None:
        """It answers at once."""

    def close(self) -> None:
        """There is no connection."""


def denied(right: str) -> Refusal:
    """The server's word for a right that is missing."""
    return Refusal(1227, Fault("query_refused", detail=f"1227: you need the {right} privilege(s)"))
