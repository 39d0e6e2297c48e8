"""Compares what an agent read with what its database holds.

A stored moment is recognised by its contents, not by what the agent says about it: the counter with the
most distinct values names the tick. So a wrong time shows as such, and a tick that changed its number on
the way is still the same tick."""
import bisect
import collections
import math

EXAMPLES = 8


def same(stored, read, tolerance):
    if math.isnan(stored) or math.isnan(read):
        return math.isnan(stored) and math.isnan(read)
    return stored == read or abs(stored - read) <= tolerance * abs(read)


class Verdict:
    """Counts samples. Those in MUST_BE_0 have no excuse."""

    MUST_BE_0 = {
        "lost_without_reason": "lost without reason",
        "other_value": "duplicated with another value",
        "wrong_time": "wrong time",
        "other_time": "stored again at another time",
        "never_read": "stored but never read",
    }

    def __init__(self, agent=""):
        self.agent, self.made, self.stored = agent, 0, 0
        self.lost_by_reason = collections.Counter()
        self.faulty = collections.Counter({name: 0 for name in self.MUST_BE_0})
        self.examples = []
        self.worst_time_ms = 0

    def blame(self, name, count, text):
        self.faulty[name] += count
        if sum(example[0] == name for example in self.examples) < EXAMPLES:
            self.examples.append((name, f"{self.agent}: {self.MUST_BE_0[name]}: {text}"))

    def add(self, other):
        self.made += other.made
        self.stored += other.stored
        self.lost_by_reason.update(other.lost_by_reason)
        self.faulty.update(other.faulty)
        self.examples += other.examples
        self.worst_time_ms = max(self.worst_time_ms, other.worst_time_ms)

    def good(self):
        return not any(self.faulty.values())


class Moments:
    """{time: {series: value}} of one agent's samples in the database."""

    def __init__(self, rows, verdict, tolerance):
        self.by_time = {}
        for series, points in rows:
            for time_ms, value in points:
                moment = self.by_time.setdefault(time_ms, {})
                if series in moment and not same(value, moment[series], tolerance):
                    verdict.blame("other_value", 1, f"{series} at {time_ms}: {moment[series]!r} and {value!r}")
                moment[series] = value


def naming_series(ticks):
    """The series whose values tell ticks apart best: whole numbers, so that every database keeps them."""
    distinct, fractional = collections.defaultdict(set), set()
    for tick in ticks:
        for series, value in tick.values.items():
            if value.is_integer() and abs(value) < 1e12:
                distinct[series].add(value)
            else:
                fractional.add(series)
    whole = {series: len(values) for series, values in distinct.items() if series not in fractional}
    return max(whole, key=lambda series: (whole[series], series), default=None)


class Comparison:
    """`excuses.reason(tick)`: why this tick may be missing, or None. `excuses.near_kill(time_ms)`: a process
    that died then may have kept a tick that it did not live to write into the truth log."""

    def __init__(self, agent, truth, rows, tolerance, slack_ms, excuses):
        self.verdict = Verdict(agent)
        self.truth, self.tolerance, self.slack_ms = truth, tolerance, slack_ms
        self.excuses = excuses
        self.moments = Moments(rows, self.verdict, tolerance).by_time

    def run(self):
        nameless = self._name_moments()
        self._place_nameless(nameless)
        for tick in self.truth.ticks:
            self._judge_times(tick)
            if not tick.late:
                self._judge(tick)
        return self.verdict

    def _name_moments(self):
        name = naming_series(self.truth.ticks)
        by_name = collections.defaultdict(list)
        for tick in self.truth.ticks:
            if name in tick.values:
                by_name[tick.values[name]].append(tick)
        nameless = []
        for time_ms in sorted(self.moments):
            ticks = by_name.get(self.moments[time_ms].get(name))
            if ticks:
                min(ticks, key=lambda tick: abs(tick.true_ms - time_ms)).times.append(time_ms)
            else:
                nameless.append(time_ms)
        return nameless

    def _place_nameless(self, nameless):
        """Moments without the naming series belong to the nearest tick that they fit."""
        ticks = sorted(self.truth.ticks, key=lambda tick: tick.true_ms)
        starts = [tick.true_ms for tick in ticks]
        for time_ms in nameless:
            moment = self.moments[time_ms]
            low = bisect.bisect_left(starts, time_ms - self.slack_ms)
            high = bisect.bisect_right(starts, time_ms + self.slack_ms)
            fitting = [tick for tick in ticks[low:high] if time_ms not in tick.times and all(
                series in tick.values and same(value, tick.values[series], self.tolerance)
                for series, value in moment.items())]
            if fitting:
                min(fitting, key=lambda tick: abs(tick.true_ms - time_ms)).times.append(time_ms)
            elif not self.excuses.near_kill(time_ms):
                self.verdict.blame("never_read", len(moment), f"{len(moment)} samples at {time_ms}")

    def _judge_times(self, tick):
        for time_ms in tick.times:
            size, error = len(self.moments[time_ms]), time_ms - tick.true_ms
            self.verdict.worst_time_ms = max(self.verdict.worst_time_ms, abs(error))
            if abs(error) > self.slack_ms or time_ms not in self.truth.declared_times:
                self.verdict.blame("wrong_time", size, f"tick {tick.seq} of {tick.stream} read at "
                                   f"{tick.true_ms} is stored at {time_ms} ({error:+d} ms)")
        if len(tick.times) > 1:
            extra = sum(len(self.moments[time_ms]) for time_ms in tick.times[1:])
            self.verdict.blame("other_time", extra, f"tick {tick.seq} of {tick.stream} is stored at {tick.times}")

    def _judge(self, tick):
        self.verdict.made += len(tick.values)
        moments = [self.moments[time_ms] for time_ms in tick.times]
        missing = 0
        for series, value in tick.values.items():
            stored = [moment[series] for moment in moments if series in moment]
            if not stored:
                missing += 1
            elif any(same(other, value, self.tolerance) for other in stored):
                self.verdict.stored += 1
            else:
                self.verdict.blame("other_value", 1, f"{series} of tick {tick.seq} of {tick.stream}: read "
                                   f"{value!r}, stored {stored}")
        if missing:
            self._judge_missing(tick, missing)

    def _judge_missing(self, tick, missing):
        reason = self.excuses.reason(tick)
        if reason:
            self.verdict.lost_by_reason[reason] += missing
        else:
            self.verdict.blame("lost_without_reason", missing, f"{missing} of {len(tick.values)} samples of tick "
                               f"{tick.seq} of {tick.stream}, read at {tick.true_ms}")
