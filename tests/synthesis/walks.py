"""What a walk over coefficients asks, noted down, and levels to walk over: for the present walk and for the earlier."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nvcodec.synthesis.coefficients import LEVELS, band

Symbol = tuple[int | None, int, int, int | None, int]
"""Frequency (None for a flag), block, context, what it is near in eighths (None if that is not known), answer."""
Pass = tuple[str, list[Symbol]]
"""What is asked, flags, significance or values, and its symbols in raster order."""
Walk = Callable[..., None]

SHAPES = [(1, 1), (1, 5), (5, 1), (2, 2), (3, 4), (7, 5), (1, 19), (18, 1), (9, 17)]
GROUPS = {
    2: {1: 0, 2: 1},
    1: {2: 0, 3: 1, 4: 2, 5: 3, 6: 3},
    0: {4: 0, 5: 0, 6: 1, 7: 1, 8: 2, 9: 2, 10: 2, 11: 3, 12: 3, 13: 3, 14: 3},
}
"""By level and diagonal; of level 2 only the old walk has them."""


def band_by_the_specification(level: int) -> list[tuple[int, int]]:
    """Section 6.12."""
    if level == 3:
        return [(0, 0)]
    low, high = 2 ** (2 - level), 2 ** (3 - level) - 1
    return [(u, v) for u in range(8) for v in range(8) if low <= max(u, v) <= high]


def coarser_by_the_specification(level: int) -> list[tuple[int, int]]:
    """All frequencies of coarser levels' bands."""
    return [uv for other in range(level + 1, 4) for uv in band_by_the_specification(other)]


class Recorder:
    """Answers from levels as they are, and notes every pass that has symbols."""

    def __init__(self, level: int, levels: np.ndarray):
        self.level, self.levels, self.passes = level, levels, []

    def binary(self, contexts: np.ndarray, frequencies: np.ndarray | None, blocks: np.ndarray) -> np.ndarray:
        if frequencies is None:
            answers = self.levels[band(self.level)][:, blocks].any(0)
        else:
            assert frequencies.shape == (contexts.shape[0], 1)
            answers = self.levels[frequencies, blocks] != 0
        self._note("flags" if frequencies is None else "significance", contexts, frequencies, blocks, None, answers)
        return answers.astype(np.int64)

    def value(
        self, contexts: np.ndarray, frequencies: np.ndarray, blocks: np.ndarray, near8: np.ndarray | None = None
    ) -> np.ndarray:
        assert contexts.shape == frequencies.shape == blocks.shape
        assert near8 is None or near8.shape == contexts.shape
        values = self.levels[frequencies, blocks]
        assert values.all(), "values are not zero"
        self._note("values", contexts, frequencies, blocks, near8, values)
        return values

    def _note(self, name: str, contexts: np.ndarray, *others: np.ndarray | None) -> None:
        assert others[-1].shape == contexts.shape
        frequencies, blocks, near8, answers = (
            [None] * contexts.size if each is None else np.broadcast_to(each, contexts.shape).ravel().tolist()
            for each in others
        )
        if contexts.size:
            symbols = zip(frequencies, blocks, contexts.ravel().tolist(), near8, map(int, answers), strict=True)
            self.passes.append((name, list(symbols)))


class Replay:
    """Answers as noted before, in the same order, without a look at any levels."""

    def __init__(self, passes: list[Pass]):
        self.answers = [[answer for *_, answer in symbols] for _, symbols in passes]

    def binary(self, contexts: np.ndarray, frequencies: np.ndarray | None, blocks: np.ndarray) -> np.ndarray:
        return self._next(contexts)

    def value(
        self, contexts: np.ndarray, frequencies: np.ndarray, blocks: np.ndarray, near8: np.ndarray | None = None
    ) -> np.ndarray:
        return self._next(contexts)

    def _next(self, contexts: np.ndarray) -> np.ndarray:
        return np.array(self.answers.pop(0) if contexts.size else [], np.int64).reshape(contexts.shape)


def random_levels(shape: tuple[int, int], seed: int, share: float, largest: int = 6) -> np.ndarray:
    """Of which about a share is other than 0, fewer the higher the frequency; some blocks have none."""
    random = np.random.default_rng(seed)
    count = shape[0] * shape[1]
    levels = random.integers(-largest, largest + 1, (64, count), dtype=np.int32)
    vertical, horizontal = np.divmod(np.arange(64), 8)
    chance = np.minimum(1, share * 4 / (1 + vertical + horizontal))[:, None]
    levels *= random.random((64, count)) < chance
    levels[:, random.random(count) < 0.2] = 0
    return levels


def few_levels(count: int, values: dict[tuple[int, int], int]) -> np.ndarray:
    """Of so many blocks; values: by frequency and block."""
    levels = np.zeros((64, count), np.int32)
    for place, value in values.items():
        levels[place] = value
    return levels


def walked(walk: Walk, level: int, shape: tuple[int, int], levels: np.ndarray) -> list[Pass]:
    """The walk's passes over the levels, which it must put together again, from what was asked alone, too."""
    recorder = Recorder(level, levels)
    for answers in (lambda: recorder, lambda: Replay(recorder.passes)):
        known = np.zeros_like(levels)
        for coarser in range(level + 1, LEVELS):
            known[band(coarser)] = levels[band(coarser)]
        walk(level, shape, known, answers())
        assert np.array_equal(known[band(level)], levels[band(level)])
        finer = [f for other in range(level) for f in band(other)]
        assert not known[finer].any()
    return recorder.passes
