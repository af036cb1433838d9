"""Our rules fire when replay fires, and resolve when it does: the same recordings through both."""

from pathlib import Path

import pytest

from tests.interop.prometheus.days import DAYS, Hours
from tests.interop.prometheus.judge import changes_of, replayed, ruled, step_of, write


@pytest.mark.parametrize("hours", [pytest.param(one, id=one.name) for one in DAYS])
def test_the_rules_fire_and_resolve_within_a_step_of_replay(hours: Hours, tmp_path: Path) -> None:
    scenario = hours.scenario
    write(scenario, tmp_path)
    step = step_of(tmp_path)
    ours = changes_of(scenario, replayed(tmp_path, step))
    theirs = ruled(scenario, tmp_path, ours, step)
    apart = {alert: [there - here for here, there in zip(ours[alert], theirs[alert])] for alert in ours}
    assert {a: len(c) for a, c in ours.items()} == {a: len(c) for a, c in theirs.items()}
    assert all(abs(seconds) <= step for changes in apart.values() for seconds in changes), apart
