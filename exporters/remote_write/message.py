"""WriteRequest of Prometheus remote write 1.0, as protobuf writes it.

    message WriteRequest { repeated TimeSeries timeseries = 1; }
    message TimeSeries   { repeated Label labels = 1; repeated Sample samples = 2; }
    message Label        { string name = 1; string value = 2; }
    message Sample       { double value = 1; int64 timestamp = 2; }

Series say the same labels each time, so that their bytes are kept; what remains for each sample is its value and its
time. That a series has ended is a value of its own, a NaN that nothing else is written as.
Source of both, and of the order: https://prometheus.io/docs/specs/prw/remote_write_spec/
"""

import struct
from collections.abc import Mapping, Sequence

from exporters.protobuf import field, tag, text, varint
from slo.core.telemetry import Logged, Measured, Record
from slo.core.telemetry_document import read

MOST_KEPT = 200_000
"""Of how many series the bytes are kept; where there are more, it begins anew."""

_VALUE = struct.Struct("<d")
_SERIES, _LABEL, _SAMPLE, _NAME, _TEXT = tag(1), tag(1), tag(2), tag(1), tag(2)
_SAMPLE_VALUE, _SAMPLE_TIME = tag(1, wire_type=1), tag(2, wire_type=0)

_ENDED = (0x7FF0_0000_0000_0002).to_bytes(8, "little")
"""The value of the last sample of a series, which says that there are no more."""


class SeriesWriter:
    """Writes records as one request. Keeps the labels that it has written, as bytes."""

    def __init__(self) -> None:
        self._labels: dict[tuple[str, ...], bytes] = {}

    def write(self, records: Sequence[Record]) -> bytes:
        """The WriteRequest of these records, uncompressed. Raises ValueError for one that cannot be read."""
        parts: list[bytes] = []
        for record in records:
            telemetry = read(record.body)
            if isinstance(telemetry, Logged):
                raise ValueError("there is no place for logs in a remote write")
            time = _SAMPLE_TIME + varint(round(telemetry.moment * 1000) & 0xFFFF_FFFF_FFFF_FFFF)
            sample_bytes = len(_SAMPLE_VALUE) + _VALUE.size + len(time)
            ended = isinstance(telemetry, Measured) and telemetry.ended
            before_value = _SAMPLE + varint(sample_bytes) + _SAMPLE_VALUE
            for name, _, labels, value in telemetry.points:
                key = (name, *labels, *labels.values())
                written = self._labels.get(key)
                if written is None:
                    written = self._keep(key, _labels(name, labels))
                series = written + before_value + (_ENDED if ended else _VALUE.pack(value)) + time
                parts += (_SERIES, varint(len(series)), series)
        return b"".join(parts)

    def _keep(self, key: tuple[str, ...], written: bytes) -> bytes:
        if len(self._labels) >= MOST_KEPT:
            self._labels.clear()
        self._labels[key] = written
        return written


def _labels(name: str, labels: Mapping[str, str]) -> bytes:
    """The labels in order of name, as the protocol wants them; one without a value is none."""
    pairs = sorted([*(pair for pair in labels.items() if pair[1]), ("__name__", name)])
    return b"".join(field(_LABEL, text(_NAME, each) + text(_TEXT, value)) for each, value in pairs)
