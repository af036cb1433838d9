"""`watchkeep replay` says what the oracle says, over random days of services.

Counts and transitions are the same, ratios within 1e-9.
"""

import json
from collections.abc import Mapping
from fractions import Fraction
from itertools import zip_longest
from pathlib import Path

import pytest
from click.testing import CliRunner

from slo.cli.main import cli
from tests.replay.oracle import replay, spelt
from tests.replay.recordings import Scenario
from tests.replay.scenarios import long_scenario, scenario

SCENARIOS = 120
TOLERANCE = 1e-9


@pytest.mark.parametrize("seed", range(SCENARIOS))
def test_replay_says_what_the_oracle_says(seed: int, tmp_path: Path) -> None:
    compare(scenario(seed), tmp_path)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(2))
def test_replay_of_a_month_says_what_the_oracle_says(seed: int, tmp_path: Path) -> None:
    compare(long_scenario(seed), tmp_path)


def compare(what: Scenario, folder: Path) -> None:
    """Run both, and fail with the story of the scenario, its files, and the first difference."""
    config, samples = folder / "config.yaml", folder / "samples.om"
    config.write_text(what.config)
    samples.write_text(what.samples)
    arguments = ["replay", "-c", config, "--samples", samples, "--step", spelt(what.step), "--json"]
    result = CliRunner().invoke(cli, [str(argument) for argument in arguments])
    told = f"{what.story}\n{' '.join(map(str, arguments))}\n"
    assert result.exit_code in {0, 1}, told + result.output + repr(result.exception)
    printed = [json.loads(line) for line in result.stdout.splitlines()]
    expected = replay(what.recording, what.objectives, slot=what.slot, step=what.step)
    assert not (difference := first_difference(printed, expected)), told + difference
    overspent = any(_overspent(one) for one in expected)
    assert result.exit_code == (1 if overspent else 0), told


def first_difference(printed: object, expected: object, at: str = "") -> str:
    """Where what is printed leaves what is expected, in its place; empty where it does not.

    What the oracle says nothing of may be printed as well.
    """
    if isinstance(expected, Mapping) and isinstance(printed, Mapping):
        pairs = ((f"{at}.{key}", printed.get(key, "nothing"), value) for key, value in expected.items())
    elif isinstance(expected, list) and isinstance(printed, list):
        pairs = (
            (f"{at}[{place}]", one, other)
            for place, (one, other) in enumerate(zip_longest(printed, expected, fillvalue="nothing"))
        )
    else:
        same = printed == expected if not isinstance(expected, Fraction) else _is_near(printed, expected)
        return "" if same else f"{at}\n  printed:  {printed}\n  expected: {expected}"
    return next((found for place, one, other in pairs if (found := first_difference(one, other, place))), "")


def _is_near(printed: object, expected: Fraction) -> bool:
    return isinstance(printed, float) and printed == pytest.approx(float(expected), rel=TOLERANCE, abs=TOLERANCE)


def _overspent(told: Mapping[str, object]) -> bool:
    budget = told.get("budget")
    return isinstance(budget, Mapping) and budget["remaining"] is not None and budget["remaining"] < 0
