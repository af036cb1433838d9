"""The process's log: one line an event on standard error, as logfmt."""

import logging
from datetime import UTC, datetime

STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
"""The attributes that every record has; whatever else is on one was given as `extra`."""


class LogfmtFormatter(logging.Formatter):
    """`at=... level=... logger=... message="..."` and the record's extras; a traceback follows on its own lines."""

    def format(self, record: logging.LogRecord) -> str:
        """One record as text."""
        fields = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        fields |= {key: str(value) for key, value in vars(record).items() if key not in STANDARD}
        line = " ".join(f"{key}={_quoted(value)}" for key, value in fields.items())
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def configure(level: str) -> None:
    """Send the log of every part to standard error; libraries speak from warnings on."""
    handler = logging.StreamHandler()
    handler.setFormatter(LogfmtFormatter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for name in ("slo", "probes", "exporters", "daemonset"):
        logging.getLogger(name).setLevel(level.upper())


def _quoted(value: str) -> str:
    if value and all(character.isalnum() or character in "-_.:/+@%," for character in value):
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    # What came from outside must neither begin a line of its own nor speak to the terminal that shows it.
    shown = (each if each.isprintable() else each.encode("unicode_escape").decode() for each in escaped)
    return f'"{"".join(shown)}"'
