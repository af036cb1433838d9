"""Reads what an SLI counted on a server over a piece of time, in the way that its expressions allow.

- The sum of the counters of one selector, also of their rates or increases, is counted from their samples, exactly.
- Any other increase over the window is asked for at every multiple of the interval, each answer for one interval.
- Any other expression of counters is asked for at every multiple of the interval, and counted by what it grew by.

The last two are what the server makes of its samples: PromQL's `increase` extrapolates, and a sum of counters cannot be
told from its addends. A sum that falls may have lost a series or had one reset: that interval is unknown.
"""

from collections.abc import Sequence

import numpy as np

from slo.core.expression import has_window, is_per_second, with_window
from slo.core.selector import Selector
from slo.core.sli import PrometheusSLI
from slo.errors import ServerFault
from slo.sources.increments import LARGEST_COUNT, Bools, Floats, Ints
from slo.sources.knowledge import Span
from slo.sources.prometheus.answers import Series
from slo.sources.prometheus.client import Client
from slo.sources.prometheus.reasons import ASK_FOR_LESS
from slo.sources.prometheus.tally import Piece, Rhythm, Tally, Target, merged, tally, target_of, targets_of

LONG_LOOKBACK_SECONDS = 3600
"""How long before a piece the last sample of a series is looked for that seems to be new in it."""

LONG_PIECE_SECONDS = 900
"""A piece from which on the long way back is no matter."""

HALF = 0.5


class Reader:
    """Reads from one server. `read` blocks and raises ServerFault: it belongs into the threads of the client.

    `interval_seconds` is how often there is an answer for an SLI.
    """

    def __init__(self, client: Client, rhythm: Rhythm, *, interval_seconds: int) -> None:
        self._client = client
        self._rhythm = rhythm
        self._interval = interval_seconds
        # What is left of an event where a piece ended, for the piece after it: end, of the total, of the part.
        self._left: dict[str, tuple[int, float, float]] = {}

    def read(self, sli: PrometheusSLI, piece: Piece, now: float) -> Tally:
        """What was counted in a piece; `now` (Unix seconds) is when it is asked for."""
        if counters := sli.counters:
            targets = self._samples(counters.total, counters.part, piece)
            if sli.all_groups:
                targets = [self._scraped_before(target, sli.all_groups, piece) for target in targets]
            targets = [named for target in targets for named in target.under_one_name()]
            return tally(targets, sli.part_is, piece, self._rhythm)
        if has_window(sli.total):
            return self._increases(sli, piece, now)
        return self._values(sli, piece, now)

    # Samples

    def _samples(self, total: Selector, part: Selector, piece: Piece) -> list[Target]:
        """The samples of a piece and of some time before it, as much as tells what every target counted before."""
        if piece.seconds >= LONG_PIECE_SECONDS:
            return self._sampled(total, part, piece, LONG_LOOKBACK_SECONDS)
        targets = self._sampled(total, part, piece, -(-self._rhythm.horizon_ms // 1000))
        if any(target.is_new_since(piece.since * 1000) for target in targets):
            try:
                return self._sampled(total, part, piece, LONG_LOOKBACK_SECONDS)
            except ServerFault as fault:
                if fault.reason not in ASK_FOR_LESS:
                    raise
        return targets

    def _sampled(self, total: Selector, part: Selector, piece: Piece, lookback_seconds: int) -> list[Target]:
        slot = self._rhythm.slot_seconds
        after = piece.since - -(-lookback_seconds // slot) * slot
        totals = self._series(total, after, piece.until)
        if total.includes(part):
            return targets_of(totals, [series for series in totals if part.matches(dict(series.labels))])
        return targets_of(totals, self._series(part, after, piece.until))

    def _scraped_before(self, target: Target, all_groups: Selector, piece: Piece) -> Target:
        """The target with its last scrape before the group was there, so that what is born on it counts from 0."""
        first_ms = int(target.times_ms[0])
        if first_ms <= piece.since * 1000:
            return target
        of_target = all_groups.with_label("job", target.job).with_label("instance", target.instance)
        until = -(-first_ms // 1000)
        for after in (until - self._rhythm.horizon_ms // 1000, piece.since - LONG_LOOKBACK_SECONDS):
            series = self._series(of_target, after, until)
            if before := [int(at) for each in series for at in each.times_ms[each.times_ms < first_ms]]:
                return target.scraped_at(max(before))
        return target

    def _series(self, selector: Selector, after: int, until: int) -> list[Series]:
        # Prometheus 2 gives the sample at the beginning of the range as well, Prometheus 3 does not.
        series = self._client.query(f"{selector}[{until - after}s]", until)
        return [each.within(after * 1000, until * 1000) for each in series]

    # Increases over the window

    def _increases(self, sli: PrometheusSLI, piece: Piece, now: float) -> Tally:
        points = self._points(piece.since, piece.until)
        (total, answered), (part, counted) = (self._summed(text, points, now) for text in (sli.total, sli.part))
        part = np.where(counted, part, 0.0)
        # Extrapolation may make the part a little more than the whole.
        part = np.where((part > total) & (part < total + 1), total, part)
        counted = answered & np.isfinite(total) & (total >= 0) & np.isfinite(part) & (part >= 0)
        times = np.array(points, np.int64)[counted]
        target = self._accumulated(sli.key, piece, times, total[counted], part[counted])
        known = merged([((int(at) - self._interval) * 1000, int(at) * 1000) for at in times])
        return tally([target], sli.part_is, piece, self._rhythm, known=known)

    def _summed(self, expression: str, points: Sequence[int], now: float) -> tuple[Floats, Bools]:
        """How many events each point has by the sum of all series, and whether there are any series."""
        sums, answered = np.zeros(len(points)), np.zeros(len(points), np.bool_)
        for series in self._client.values(with_window(expression, self._interval), points, now):
            rows = np.searchsorted(np.array(points, np.int64) * 1000, series.times_ms)
            np.add.at(sums, rows, series.values)
            answered[rows] = True
        return sums * (self._interval if is_per_second(expression) else 1), answered

    def _accumulated(self, key: str, piece: Piece, times: Ints, total: Floats, part: Floats) -> Target:
        """Increases as counters, so that they are rounded to whole events with what is left carried on.

        Each begins where the one before it ended, at its own begin: nothing is known of the time between.
        """
        end, left_total, left_part = self._left.get(key, (0, HALF, HALF))
        if end != piece.since:
            left_total = left_part = HALF
        totals, parts = left_total + np.cumsum(total), left_part + np.cumsum(part)
        sums = np.stack([np.floor(totals), _whole_parts(np.floor(totals), parts, more=part > total)], axis=1)
        starts = np.vstack([[0.0, 0.0], sums[:-1]]) if len(times) else sums
        if len(times):
            self._left[key] = (piece.until, float(totals[-1] - sums[-1, 0]), float(parts[-1] - sums[-1, 1]))
        rows = np.empty((2 * len(times), 2))
        rows[0::2], rows[1::2] = starts, sums
        at_ms = np.empty(2 * len(times), np.int64)
        at_ms[0::2], at_ms[1::2] = (times - self._interval) * 1000, times * 1000
        # The begin of one is mostly the end of the other.
        at_ms, first = np.unique(at_ms, return_index=True)
        return Target(times_ms=at_ms, values=rows[first], totals=1)

    # Values of counters

    def _values(self, sli: PrometheusSLI, piece: Piece, now: float) -> Tally:
        before = -(-self._rhythm.horizon_ms // 1000)
        points = self._points(piece.since - before, piece.until)
        total, part = (_by_labels(self._client.values(text, points, now)) for text in (sli.total, sli.part))
        target, fell = _without_falls(target_of(total, part))
        return tally([target], sli.part_is, piece, self._rhythm, unknown=fell)

    def _points(self, after: int, until: int) -> list[int]:
        """The multiples of the interval after a time, up to another."""
        return list(range((after // self._interval + 1) * self._interval, until + 1, self._interval))


def _whole_parts(totals: Floats, parts: Floats, *, more: Bools) -> Floats:
    """Running sums of parts as whole events, none of which comes before the event of the total that it is one of.

    `totals` are whole already. Where there is `more` of the part than of the total it is at fault, and not held back.
    """
    wanted = np.floor(parts)
    grown, whole = np.diff(wanted, prepend=0.0), np.diff(totals, prepend=0.0)
    room = np.cumsum(np.where(more, np.maximum(grown, whole), whole))
    held: Floats = room + np.minimum(np.minimum.accumulate(wanted - room), 0.0)
    return held


def _by_labels(answers: Sequence[Series]) -> list[Series]:
    """The series of several answers, those with the same labels put together."""
    found: dict[tuple[tuple[str, str], ...], list[Series]] = {}
    for series in answers:
        found.setdefault(series.labels, []).append(series)
    return [
        Series(labels=labels, times_ms=times_ms[order], values=np.concatenate([each.values for each in parts])[order])
        for labels, parts in found.items()
        for times_ms in [np.concatenate([each.times_ms for each in parts])]
        for order in [np.argsort(times_ms)]
    ]


def _without_falls(target: Target) -> tuple[Target, list[Span]]:
    """The target as if nothing had been counted wherever one of its values fell, and the spans in which they did."""
    values = target.values.copy()
    with np.errstate(invalid="ignore"):
        values[~((values >= 0) & (values < LARGEST_COUNT))] = np.nan
    last, lowered = np.full(values.shape[1], np.nan), np.zeros(values.shape[1])
    spans: list[Span] = []
    for row in range(len(values)):
        there = ~np.isnan(values[row])
        if (values[row, there] < last[there]).any():
            spans.append((int(target.times_ms[row - 1]), int(target.times_ms[row])))
            lowered[there] += values[row, there] - np.nan_to_num(last[there])
        last[there] = values[row, there]
        values[row] -= lowered
    return Target(times_ms=target.times_ms, values=values, totals=target.totals), spans
