"""Our rules fire when replay fires, and resolve when it does: the same recordings through both."""

from pathlib import Path

import pytest

from tests.interop.prometheus.days import DAYS, Hours
from tests.interop.prometheus.judge import changes_of, replayed, ruled, step_of, write


@pytest.mark.parametrize("hours", [pytest.param(one, id=one.name) for one in DAYS])
def test_the_rules_fire_and_resolve_when_replay_does(hours: Hours, tmp_path: Path) -> None:
    scenario = hours.scenario
    write(scenario, tmp_path)
    step = step_of(tmp_path)
    ours = changes_of(scenario, replayed(tmp_path, step))
    theirs = ruled(scenario, tmp_path, ours, step)
    assert any(ours.values()), "nothing fires in these hours"
    for alert, changes in ours.items():
        assert theirs[alert] == pytest.approx(changes, abs=hours.apart * step), f"{alert} {hours.because}"
