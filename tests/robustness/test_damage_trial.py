"""A sample of tools/damage_trial.py, which turns every bit and cuts at every byte: nothing is ever silently wrong."""

import pytest

from tests.robustness.conftest import corpus_stream, right_pictures
from tools.damage_trial import DAMAGE, FAILURES, trial

STEPS = {"bit flips": 61, "truncations": 13}
"""Primes, so that every bit of a byte and every part of a unit has its turn."""


@pytest.mark.parametrize("name", ["grid", "motion", "hybrid"])
@pytest.mark.parametrize("kind", DAMAGE)
def test_a_sample_of_all_damage(name: str, kind: str) -> None:
    copies = [copy for i, copy in enumerate(DAMAGE[kind](corpus_stream(name))) if i % STEPS[kind] == 0]
    outcomes = trial(iter(copies), right_pictures(name), "strictly")
    assert not any(outcomes[failure] for failure in FAILURES), outcomes
    assert outcomes["fault named"]


def test_damage_behind_the_last_unit_that_is_read_yields_the_right_pictures(name: str) -> None:
    """DIGEST units are not read unless asked for; index and footer are done without."""
    data = corpus_stream(name)
    index = int.from_bytes(data[-12:-4], "little")
    copies = [copy for i, copy in enumerate(DAMAGE["bit flips"](data)) if i >= 8 * index and i % 29 == 0]
    assert set(trial(iter(copies), right_pictures(name), "strictly")) == {"right pictures"}
