"""Choices between two references: the walk and the chosen samples, by plain readings of the specification."""

import numpy as np
import pytest

from nvcodec.bitstream.residual_headers import CHOICE_CONTEXTS, DEFAULT_CHOICE
from nvcodec.decoder.residual import _DecodedChoices
from nvcodec.encoder.choices import ChoiceCounts, encode_choices
from nvcodec.entropy import LAPLACE_COUNT, SymbolDecoder, SymbolEncoder
from nvcodec.synthesis.choices import choice_passes, choose_references, walk_choices
from nvcodec.synthesis.vectors import field_shape
from tests.streams import noisy_frames, video_format

SHAPES = [(1, 1), (1, 5), (5, 1), (2, 2), (3, 4), (7, 6)]


def arrays_by_the_specification(choices: np.ndarray) -> list[list[tuple[int, int]]]:
    """Section 7.9 in plain Python: (context, symbol) of every array that has symbols."""
    rows, columns = choices.shape
    blocks = [(i, j) for i in range(rows) for j in range(columns)]
    diagonal, straight = ((-1, -1), (-1, 1), (1, -1), (1, 1)), ((-1, 0), (1, 0), (0, -1), (0, 1))
    passes = (
        ([b for b in blocks if not b[0] % 2 and not b[1] % 2], (), 0),
        ([b for b in blocks if b[0] % 2 and b[1] % 2], diagonal, 1),
        ([b for b in blocks if (b[0] + b[1]) % 2], straight, 6),
    )
    found = []
    for own, offsets, first in passes:
        alone, which = [], []
        for i, j in own:
            near = [(i + di, j + dj) for di, dj in offsets]
            near_choices = [int(choices[n]) for n in near if 0 <= n[0] < rows and 0 <= n[1] < columns]
            one, two = near_choices.count(1), near_choices.count(2)
            choice = int(choices[i, j])
            alone.append((first + one + two, int(choice > 0)))
            if choice:
                which.append((12 + (two > one) - (two < one), int(choice == 2)))
        found += [alone, which]
    return [symbols for symbols in found if symbols]


class Recorder:
    """Answers from choices as they are, and notes every array."""

    def __init__(self, choices: np.ndarray):
        self.choices, self.arrays = choices.ravel(), []

    def binary(self, contexts: np.ndarray, blocks: np.ndarray, which: bool) -> np.ndarray:
        own = self.choices[blocks]
        answers = (own == 2 if which else own > 0).astype(np.int64)
        self.arrays.append(list(zip(contexts.tolist(), answers.tolist(), strict=True)))
        return answers


def random_choices(shape: tuple[int, int], seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    return random.integers(1, 3, shape) * (random.random(shape) < (0.15, 0.5, 0.9)[seed % 3])


@pytest.mark.parametrize("shape", SHAPES)
def test_arrays_are_the_specifications(shape: tuple[int, int]) -> None:
    for seed in range(9):
        choices = random_choices(shape, seed)
        recorder = Recorder(choices)
        assert np.array_equal(walk_choices(shape, recorder), choices)
        assert recorder.arrays == arrays_by_the_specification(choices)
    assert sorted(np.concatenate(choice_passes(shape)).tolist()) == list(range(shape[0] * shape[1]))


def test_every_context_is_met() -> None:
    met = {
        context
        for seed in range(60)
        for symbols in arrays_by_the_specification(random_choices((7, 6), seed))
        for context, _ in symbols
    }
    assert met == set(range(CHOICE_CONTEXTS))


@pytest.mark.parametrize("shape", SHAPES)
def test_choices_come_back(shape: tuple[int, int]) -> None:
    encoder, pictures = SymbolEncoder(), [random_choices(shape, seed) for seed in range(6)]
    for choices in pictures:
        encode_choices(encoder, choices, DEFAULT_CHOICE)
    decoder = SymbolDecoder(encoder.finish())
    answers = _DecodedChoices(decoder, np.asarray(DEFAULT_CHOICE) + LAPLACE_COUNT)
    for choices in pictures:
        assert np.array_equal(walk_choices(shape, answers), choices)
    decoder.finish()


def test_counts_choose_tables() -> None:
    counts = ChoiceCounts()
    assert counts.tables() == DEFAULT_CHOICE
    for seed in range(30):
        counts.add(random_choices((7, 6), seed))
    assert counts.binary.sum() == sum(
        len(symbols) for seed in range(30) for symbols in arrays_by_the_specification(random_choices((7, 6), seed))
    )
    tables = counts.tables()
    assert tables != DEFAULT_CHOICE
    sizes = []
    for own in (tables, DEFAULT_CHOICE):
        encoder = SymbolEncoder()
        for seed in range(30):
            encode_choices(encoder, random_choices((7, 6), seed), own)
        sizes.append(len(encoder.finish()))
    assert sizes[0] < sizes[1]


@pytest.mark.parametrize(
    ("chroma_format", "width", "height"), [("420", 37, 21), ("400", 16, 35), ("422", 33, 17), ("444", 21, 24)]
)
@pytest.mark.parametrize("log2", [3, 4, 5])
def test_chosen_samples_are_the_specifications(chroma_format: str, width: int, height: int, log2: int) -> None:
    """Section 6.13, a sample at a time, at every scale."""
    video = video_format(chroma_format, 10, width, height)
    choices = np.random.default_rng(log2).integers(0, 3, field_shape(height, width, log2))
    subsampling = {"420": (1, 1), "422": (0, 1), "444": (0, 0)}.get(chroma_format, (0, 0))
    for scale_log2 in range(4):
        first, second = (frame.planes for frame in noisy_frames(video.scaled(scale_log2), 2))
        found = choose_references([first, second], choices, log2, chroma_format, scale_log2)
        for number, (a, b) in enumerate(zip(first, second, strict=True)):
            e_y, e_x = (scale_log2 + own for own in (subsampling if number else (0, 0)))
            for y in range(a.shape[0]):
                for x in range(a.shape[1]):
                    c = choices[(y << e_y) >> log2][(x << e_x) >> log2]
                    expected = (b[y, x] if c == 2 else a[y, x], a[y, x] if c == 1 else b[y, x])
                    assert (found[0][number][y, x], found[1][number][y, x]) == expected
