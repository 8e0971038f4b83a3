"""Every crasher ever met, and a few hundred mutants, always the same; tools/fuzz.py tries more."""

from pathlib import Path
from random import Random

import pytest

from tests.robustness.mutate import mutate
from tests.robustness.targets import TARGETS

FOLDER = Path(__file__).parent
SEEDS = {path.name: path.read_bytes() for path in sorted((FOLDER / "corpus").iterdir())}
CRASHERS = sorted((FOLDER / "crashers").glob("*.*"))
SUFFIX = {"parse": ".msn", "decode": ".msn", "source": ".y4m"}


@pytest.mark.parametrize(("target", "count"), [("parse", 400), ("decode", 60), ("source", 600)])
def test_mutants(target: str, count: int) -> None:
    random, seeds = Random(1), [data for name, data in SEEDS.items() if name.endswith(SUFFIX[target])]
    outcomes = {TARGETS[target](mutate(random.choice(seeds), random, seeds)) for _ in range(count)}
    assert {"read", "refused"} <= outcomes


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", SEEDS)
def test_the_corpus_itself(target: str, name: str) -> None:
    assert TARGETS[target](SEEDS[name]) == ("read" if name.endswith(SUFFIX[target]) else "refused")


@pytest.mark.parametrize("path", CRASHERS, ids=lambda path: path.stem)
def test_crashers(path: Path) -> None:
    for target in TARGETS.values():
        target(path.read_bytes())
