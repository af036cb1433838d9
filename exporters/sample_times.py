"""What servers that keep samples by series and time say of a sample whose time they do not take.

Prometheus, Mimir and Thanos say it in words of their own, in an answer that refuses all of a request.
"""

import re
from dataclasses import replace

from slo.core.delivery import Refused
from slo.core.telemetry import ALREADY_THERE, TOO_OLD

_OUT_OF_ORDER = re.compile("out of order|out-of-order|duplicate sample|too old sample|sample-too-old")
"""Of one series: it has that sample, or a newer one."""

_OUT_OF_BOUNDS = re.compile("(: |^)out of bounds|timestamp is too old")
"""Of all series: a Prometheus takes nothing that is more than about an hour older than the newest sample it has. An
index that is out of bounds is another thing.
"""


def by_time(refused: Refused) -> Refused:
    """A refusal, with the reason that it has where it is for the time of a sample."""
    for reason, words in ((TOO_OLD, _OUT_OF_BOUNDS), (ALREADY_THERE, _OUT_OF_ORDER)):
        if words.search(refused.detail):
            return replace(refused, reason=reason)
    return refused
