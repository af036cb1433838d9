"""What Prometheus, Mimir, Cortex and Thanos say of samples that come too late, by remote write as by OTLP.

A sample that is older than the last one of its series is refused, and so is one that is older than all that is still
written to, half a block before the newest sample of any series. Both protocols want nobody to go by the words of a
refusal; only there, though, is it said whether a batch that may have arrived did, and whether it ever can.

Sources: `storage/interface.go` and `storage/remote/write_handler.go` of https://github.com/prometheus/prometheus,
https://grafana.com/docs/mimir/latest/manage/mimir-runbooks/#errors-catalog
"""

from collections.abc import Mapping
from types import MappingProxyType

from slo.core.delivery import Ambiguous, Refused, Retry
from slo.core.telemetry import ALREADY_THERE, TOO_OLD

_TOO_OLD_SAMPLE = "too old sample"
"""What a Prometheus says that takes samples out of order for some time. Many versions say it with 500, without end."""

_WORDS: Mapping[str, str] = MappingProxyType(
    {
        ": out of bounds": TOO_OLD,  # an index that is out of bounds is another thing
        "its timestamp is too old": TOO_OLD,
        "too far in the past": TOO_OLD,
        "out of order": ALREADY_THERE,
        "out-of-order": ALREADY_THERE,
        "duplicate sample": ALREADY_THERE,
        _TOO_OLD_SAMPLE: ALREADY_THERE,
        "HTTP 409": ALREADY_THERE,
    }
)
"""The words, and what they mean. With 409 Thanos often says no others."""


def seen_as_late(failed: Retry | Ambiguous | Refused) -> Retry | Ambiguous | Refused:
    """What a failed request means whose `detail` has what the other side said: a refusal for coming too late is one."""
    if not isinstance(failed, Refused) and _TOO_OLD_SAMPLE not in failed.detail:
        return failed
    reason = next((reason for words, reason in _WORDS.items() if words in failed.detail), failed.reason)
    return Refused(reason=reason, detail=failed.detail)
