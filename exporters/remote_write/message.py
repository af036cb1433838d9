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
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from exporters.protobuf import field, text, varint
from slo.core.telemetry import TOTALS, Counted, Measured, Record, Telemetry
from slo.core.telemetry_document import read

MOST_KEPT = 200_000
"""Of how many series the bytes are kept; where there are more, it begins anew."""

_SAMPLE = struct.Struct("<Bd")
_VALUE_TAG = 1 << 3 | 1
_TIME_TAG = b"\x10"
_SERIES_TAG, _LABEL_TAG, _SAMPLE_TAG, _NAME_TAG, _TEXT_TAG = b"\x0a", b"\x0a", b"\x12", b"\x0a", b"\x12"

_ENDED = bytes((_VALUE_TAG, *(0x7FF0_0000_0000_0002).to_bytes(8, "little")))
"""The value of the last sample of a series, which says that there are no more."""

Sampled: TypeAlias = tuple[str, Mapping[str, str], float | None]
"""The name, the labels and the value of a series; None where it has ended."""


class SeriesWriter:
    """Writes records as one request. Keeps the labels that it has written, as bytes."""

    def __init__(self) -> None:
        self._labels: dict[tuple[str, ...], bytes] = {}

    def write(self, records: Sequence[Record]) -> bytes:
        """The WriteRequest of these records, uncompressed. Raises ValueError for one that cannot be read."""
        parts: list[bytes] = []
        for record in records:
            telemetry = read(record.body)
            sample_of_time = _time_bytes(_milliseconds(telemetry))
            for name, labels, value in _samples(telemetry):
                key = (name, *labels, *labels.values())
                written = self._labels.get(key)
                if written is None:
                    written = self._keep(key, _labels(name, labels))
                sample = (_ENDED if value is None else _SAMPLE.pack(_VALUE_TAG, value)) + sample_of_time
                series = b"%s%s%c%s" % (written, _SAMPLE_TAG, len(sample), sample)
                parts += (_SERIES_TAG, varint(len(series)), series)
        return b"".join(parts)

    def _keep(self, key: tuple[str, ...], written: bytes) -> bytes:
        if len(self._labels) >= MOST_KEPT:
            self._labels.clear()
        self._labels[key] = written
        return written


def _samples(telemetry: Telemetry) -> Iterator[Sampled]:
    match telemetry:
        case Counted():
            for name, total in zip(TOTALS, telemetry.totals, strict=True):
                yield name, telemetry.labels, total
        case Measured():
            for name, _, labels, value in telemetry.points:
                yield name, labels, None if telemetry.ended else value
        case _:
            raise ValueError("there is no place for logs in a remote write")


def _milliseconds(telemetry: Telemetry) -> int:
    match telemetry:
        case Counted():
            return telemetry.end * 1000
        case Measured():
            return round(telemetry.at.timestamp() * 1000)
    raise ValueError("there is no place for logs in a remote write")


def _labels(name: str, labels: Mapping[str, str]) -> bytes:
    """The labels in order of name, as the protocol wants them; one without a value is none."""
    pairs = sorted([*(pair for pair in labels.items() if pair[1]), ("__name__", name)])
    return b"".join(field(_LABEL_TAG, text(_NAME_TAG, each) + text(_TEXT_TAG, value)) for each, value in pairs)


def _time_bytes(milliseconds: int) -> bytes:
    return _TIME_TAG + varint(milliseconds & 0xFFFF_FFFF_FFFF_FFFF)
