"""What is said about a server: each fault once when it begins, and how far the reading of the past has come."""

import logging
from collections.abc import Iterable
from datetime import UTC, datetime

from slo.core.duration import duration_name
from slo.core.slo import SLO
from slo.errors import ServerFault
from slo.exposition.catalogue import Telemetry
from slo.sources.prometheus.followed import Followed
from slo.sources.prometheus.tally import Tally

TOLD_SECONDS = 3600
"""Reading more of the past than this is spoken of in the log."""

STEPS = 10
"""How often on its way."""

logger = logging.getLogger(__name__)


class Remarks:
    """The log and the metrics of one server."""

    def __init__(self, server: str, telemetry: Telemetry) -> None:
        self._server = server
        self._telemetry = telemetry
        self._reasons: set[str] = set()
        self._progress: dict[str, int] = {}
        self._slos: set[str] = set()
        self._excessive: set[str] = set()
        self._groupless: set[str] = set()

    def counted(self, now: float) -> None:
        """The newest piece of an SLI was counted."""
        self._telemetry.server_success_at.labels(self._server).set(now)

    def round(self, followed: Iterable[Followed]) -> None:
        """All SLIs were asked for: say what is wrong now and was not before."""
        faults: dict[str, list[Followed]] = {}
        read: dict[str, float] = {}
        for each in followed:
            if each.fault:
                faults.setdefault(each.fault.reason, []).append(each)
            for slo in each.wanted.slos:
                read[slo] = min(read.get(slo, 1.0), each.unread.read_ratio)
        for slo, ratio in read.items():
            self._telemetry.server_history.labels(self._server, slo).set(ratio)
        for slo in self._slos - read.keys():
            self._telemetry.server_history.remove(self._server, slo)
        self._slos = set(read)
        self._telemetry.server_slis_unknown.labels(self._server).set(sum(map(len, faults.values())))
        for reason in faults.keys() - self._reasons:
            first = faults[reason][0]
            logger.warning(
                "what a server is asked for cannot be counted and is unknown",
                extra={
                    "server": self._server,
                    "reason": reason,
                    "slos": ",".join(slo for each in faults[reason] for slo in each.wanted.slos)[:200],
                    "detail": first.fault.detail if first.fault else "",
                },
            )
        if self._reasons and not faults:
            logger.warning("everything that the server is asked for is counted again", extra={"server": self._server})
        self._reasons = set(faults)

    def groups(self, slo: SLO, fault: ServerFault | None) -> None:
        """The groups of an SLO were looked for: say once that it was in vain, and that it is not any more."""
        if fault and slo.name not in self._groupless:
            self._groupless.add(slo.name)
            logger.warning(
                "the groups of an SLO cannot be looked for, new ones have to wait",
                extra={"server": self._server, "slo": slo.name, "reason": fault.reason, "detail": fault.detail},
            )
        elif fault is None and slo.name in self._groupless:
            self._groupless.remove(slo.name)
            logger.warning("the groups of an SLO are looked for again", extra={"server": self._server, "slo": slo.name})

    def excess(self, followed: Followed, tally: Tally) -> None:
        """Say once for an SLI that its part counts more than its total."""
        if tally.excesses and followed.key not in self._excessive:
            self._excessive.add(followed.key)
            worst = tally.excesses[0]
            logger.warning(
                "a part counts more than its total: such slots are unknown",
                extra={
                    "server": self._server,
                    "slos": ",".join(followed.wanted.slos),
                    "slot": datetime.fromtimestamp(worst.slot_end, UTC).isoformat(),
                    "total": worst.total,
                    "part": worst.part,
                },
            )

    def past(self, followed: Followed) -> None:
        """Some of the past of an SLI was read, or is about to be."""
        unread = followed.unread
        step = self._progress.get(followed.key)
        if step is None and unread.seconds < TOLD_SECONDS:
            return
        reached = int(unread.read_ratio * STEPS) if unread.seconds else STEPS
        if step is not None and reached <= step:
            return
        self._progress[followed.key] = reached
        if reached == STEPS:
            del self._progress[followed.key]
        logger.info(
            "the past of an SLI is read from its server" if reached < STEPS else "the past of an SLI was read",
            extra={
                "server": self._server,
                "slos": ",".join(followed.wanted.slos),
                "read": f"{unread.read_ratio:.0%}",
                "left": duration_name(unread.seconds),
            },
        )
