"""Which blocks become intra: found where no reference predicts, at what they take in the file, and their tables."""

import numpy as np
import pytest

from nvcodec.bitstream.residual_headers import DEFAULT_INTRA, INTRA_CONTEXTS, TABLE_BITS
from nvcodec.encoder.choices import plane_costs
from nvcodec.encoder.intra import SIZES_LOG2, IntraCounts, best_intra, encode_intra
from nvcodec.entropy import LAPLACE_COUNT, SymbolEncoder, bits
from nvcodec.synthesis.intra import plane_masks, walk_intra, with_intra
from nvcodec.synthesis.vectors import field_shape
from nvcodec.synthesis.window import GREY, mean_planes
from nvcodec.video.frame import VideoFormat
from tests.streams import video_format

LOG2 = SIZES_LOG2[0]
CLIPS = [("400", 96, 80), ("420", 101, 75), ("422", 96, 70), ("444", 83, 64)]
"""Chroma format, width, height."""
Planes = list[np.ndarray]


class Measure:
    """In place of an encoder: what the symbols cost."""

    def __init__(self) -> None:
        self.bits = 0.0

    def push(self, symbols: np.ndarray, tables: np.ndarray) -> None:
        self.bits += bits(symbols, tables)


def file_bits(intra: np.ndarray, tables: tuple[int, ...] = DEFAULT_INTRA) -> float:
    measure = Measure()
    encode_intra(measure, intra, tables)
    return measure.bits


def smooth(video: VideoFormat) -> Planes:
    """Fine planes, a slope in each."""
    planes = []
    for number, shape in enumerate(video.plane_shapes):
        y, x = np.mgrid[: shape[0], : shape[1]]
        planes.append((1200 + 500 * number + 6 * x - 4 * y).astype(np.int16))
    return planes


def less_grey(planes: Planes) -> Planes:
    return [plane - np.int16(GREY) for plane in planes]


def hidden(planes: Planes, intra: np.ndarray, chroma_format: str, random: np.random.Generator) -> Planes:
    """With something else, of much detail, in such blocks."""
    masks = plane_masks(intra, LOG2, [plane.shape for plane in planes], chroma_format, 0)
    other = [random.integers(0, 4096, plane.shape) for plane in planes]
    return [np.where(*each).astype(np.int16) for each in zip(masks, other, planes, strict=True)]


def some_blocks(shape: tuple[int, int], kind: str) -> np.ndarray:
    intra = np.zeros(shape, bool)
    if kind == "one":
        intra[2, 3] = True
    elif kind == "together":
        intra[1:3, 2:4] = True
    else:
        intra[0, 0] = intra[-1, 2] = intra[2, -1] = True
    return intra


def cost(source: Planes, window: list[Planes], lam: float, chroma_format: str, intra: np.ndarray) -> float:
    """By the estimate of the transform's, and what the flags take; no flags if no block is intra."""
    if not intra.any():
        return float(plane_costs(source, mean_planes(window), lam).sum())
    made = with_intra(window, intra, LOG2, chroma_format, 0)
    return float(plane_costs(source, mean_planes(made), lam).sum()) + lam * file_bits(intra)


@pytest.mark.parametrize("kind", ["one", "together", "at the edges"])
@pytest.mark.parametrize("references", [1, 2])
@pytest.mark.parametrize(("chroma_format", "width", "height"), CLIPS)
def test_what_references_hide_is_found(chroma_format: str, width: int, height: int, references: int, kind: str) -> None:
    """Those blocks and no others."""
    video, random = video_format(chroma_format, 12, width, height), np.random.default_rng(0)
    wanted, planes = some_blocks(field_shape(height, width, LOG2), kind), smooth(video)
    window = [hidden(planes, wanted, chroma_format, random) for _ in range(references)]
    log2, intra, _ = best_intra(less_grey(planes), window, 200.0, chroma_format, DEFAULT_INTRA)
    assert log2 == LOG2
    assert intra is not None
    assert intra.dtype == bool
    assert np.array_equal(intra, wanted)
    error, before = (
        sum(float(((a - b) ** 2.0).sum()) for a, b in zip(less_grey(planes), mean_planes(own), strict=True))
        for own in (with_intra(window, intra, LOG2, chroma_format, 0), window)
    )
    assert error < 0.01 * before


@pytest.mark.parametrize(("chroma_format", "width", "height"), CLIPS)
def test_what_references_predict_is_left_to_them(chroma_format: str, width: int, height: int) -> None:
    """Of detail that nothing around it tells of, and of slopes, which a filled block would match about as well."""
    video, random = video_format(chroma_format, 12, width, height), np.random.default_rng(1)
    detailed = [random.integers(0, 4096, shape).astype(np.int16) for shape in video.plane_shapes]
    for planes in (detailed, smooth(video), [np.full(shape, GREY, np.int16) for shape in video.plane_shapes]):
        for window in ([planes], [planes, planes]):
            for lam in (5.0, 5000.0):
                found = best_intra(less_grey(planes), window, lam, chroma_format, DEFAULT_INTRA)
                assert found == (0, None, 0.0)


def test_nothing_is_intra_that_does_not_pay() -> None:
    """At some lambda one block gains less than the flags take."""
    video, random = video_format("400", 12, 96, 80), np.random.default_rng(2)
    shape, planes = field_shape(80, 96, LOG2), smooth(video)
    wanted, nothing = some_blocks(shape, "one"), np.zeros(shape, bool)
    window, source, used = [hidden(planes, wanted, "400", random)], less_grey(planes), []
    for lam in 10.0 ** np.arange(1, 9, 0.25):
        _, intra, _ = best_intra(source, window, lam, "400", DEFAULT_INTRA)
        assert intra is None or np.array_equal(intra, wanted)
        pays = cost(source, window, lam, "400", wanted) < cost(source, window, lam, "400", nothing)
        assert (intra is not None) == pays
        used.append(intra is not None)
    assert used == sorted(used, reverse=True)
    assert 5 < sum(used) < len(used) - 3


@pytest.mark.parametrize("lam", [20.0, 200.0, 2000.0])
def test_blocks_pay_for_themselves(lam: float) -> None:
    """By what the file takes: no picture comes out dearer, and no block would better be the other way by much."""
    video = video_format("420", 12, 101, 75)
    shape, found = field_shape(75, 101, LOG2), 0
    for seed in range(4):
        random = np.random.default_rng(seed)
        planes = [plane + random.normal(0, 20, plane.shape).round().astype(np.int16) for plane in smooth(video)]
        wild = random.random(shape) < 0.3
        window = [
            hidden(planes, wild, "420", random),
            hidden(planes, wild & (random.random(shape) < 0.5), "420", random),
        ]
        source = less_grey(planes)
        _, intra, _ = best_intra(source, window, lam, "420", DEFAULT_INTRA)
        assert intra is not None
        plain, own = (cost(source, window, lam, "420", each) for each in (np.zeros(shape, bool), intra))
        assert own < plain
        for block in np.ndindex(shape):
            other = intra.copy()
            other[block] = not other[block]
            assert cost(source, window, lam, "420", other) > own - 0.05 * (plain - own)
        found += int(intra.sum())
    assert found >= 10


def test_each_flag_is_weighed_against_what_its_block_gains() -> None:
    """Blocks apart that differ from the references by little to more, and one by much: no flag better the other way."""
    lam, shape = 6400.0, (12, 16)
    source = [np.full((192, 256), -1048, np.int16)]
    other = np.zeros(shape, np.int16)
    other[1::3, 1::3] = np.arange(2, 22).reshape(4, 5)
    other[-1, -1] = 2000
    window = [[source[0] + np.int16(GREY) + np.kron(other, np.ones((16, 16), np.int16))]]
    _, intra, _ = best_intra(source, window, lam, "400", DEFAULT_INTRA)
    assert intra is not None
    assert intra[-1, -1]
    assert not intra[other == 0].any()
    assert 3 < int(intra[1::3, 1::3].sum()) < 17, "some pay and some do not"
    own = cost(source, window, lam, "400", intra)
    for block in zip(*np.nonzero(other), strict=True):
        changed = intra.copy()
        changed[block] = not changed[block]
        assert cost(source, window, lam, "400", changed) > own - 1.5 * lam, "a bit and a half: of its neighbours' flags"


def test_a_picture_that_nothing_predicts() -> None:
    """All blocks are intra where it is grey, though a block alone would be no better with what surrounds it."""
    video, random = video_format("420", 12, 64, 48), np.random.default_rng(3)
    source = [np.full(shape, 3, np.int16) for shape in video.plane_shapes]
    noisy = [random.integers(0, 4096, shape).astype(np.int16) for shape in video.plane_shapes]
    dark = [np.full(shape, 300, np.int16) for shape in video.plane_shapes]
    for window in ([noisy], [noisy, dark], [dark]):
        log2, intra, _ = best_intra(source, window, 200.0, "420", DEFAULT_INTRA)
        assert log2 == LOG2
        assert intra is not None
        assert intra.all()


@pytest.mark.parametrize("tables", [DEFAULT_INTRA, tuple(range(20, 20 + 2 * INTRA_CONTEXTS, 2))])
def test_bits_are_what_the_file_takes(tables: tuple[int, ...]) -> None:
    """By each context's table, and in words."""
    video, random = video_format("400", 12, 480, 320), np.random.default_rng(4)
    shape = field_shape(320, 480, LOG2)
    for share in (0.01, 0.2, 0.6):
        planes, wild = smooth(video), random.random(shape) < share
        window = [hidden(planes, wild, "400", random)]
        _, intra, estimate = best_intra(less_grey(planes), window, 200.0, "400", tables)
        assert intra is not None
        assert estimate == pytest.approx(file_bits(intra, tables), rel=1e-4)
        encoder = SymbolEncoder()
        encode_intra(encoder, intra, tables)
        assert 8 * len(encoder.finish()) == pytest.approx(estimate, rel=0.02, abs=64)


# Counts and tables


class Recorder:
    """Answers from blocks as they are, and notes contexts and symbols."""

    def __init__(self, intra: np.ndarray):
        self.intra, self.met = intra.ravel(), []

    def binary(self, contexts: np.ndarray, blocks: np.ndarray) -> np.ndarray:
        symbols = self.intra[blocks].astype(np.int64)
        self.met += zip(contexts.tolist(), symbols.tolist(), strict=True)
        return symbols


def random_intra(seed: int, shape: tuple[int, int] = (7, 6)) -> np.ndarray:
    return np.random.default_rng(seed).random(shape) < (0.05, 0.2, 0.4)[seed % 3]


def test_counts_are_of_the_symbols_that_are_written() -> None:
    counts, expected, total = IntraCounts(), np.zeros((INTRA_CONTEXTS, 2)), 0.0
    for seed in range(12):
        counts.add(random_intra(seed))
        recorder = Recorder(random_intra(seed))
        walk_intra((7, 6), recorder)
        for context, symbol in recorder.met:
            expected[context, symbol] += 1
        total += file_bits(random_intra(seed))
    assert np.array_equal(counts.binary, expected)
    assert counts.binary.sum() == 12 * 42
    found = sum(
        number * bits([symbol], [LAPLACE_COUNT + DEFAULT_INTRA[context]])
        for context, row in enumerate(counts.binary)
        for symbol, number in enumerate(row)
    )
    assert found == pytest.approx(total, rel=1e-4)


def test_tables_are_named_where_that_pays() -> None:
    counts = IntraCounts()
    assert counts.tables() == DEFAULT_INTRA
    pictures = [random_intra(seed) for seed in range(60)]
    for intra in pictures:
        counts.add(intra)
    tables = counts.tables()
    named = sum(a != b for a, b in zip(tables, DEFAULT_INTRA, strict=True))
    assert named >= 1
    sizes = [sum(file_bits(intra, own) for intra in pictures) for own in (tables, DEFAULT_INTRA)]
    assert sizes[0] + TABLE_BITS * named < sizes[1]
    for context, (chosen, default) in enumerate(zip(tables, DEFAULT_INTRA, strict=True)):
        zeros, ones = counts.binary[context]
        costs = [zeros * bits([0], [LAPLACE_COUNT + j]) + ones * bits([1], [LAPLACE_COUNT + j]) for j in range(64)]
        if chosen != default:
            assert costs[chosen] == min(costs)
        else:
            assert costs[default] <= min(costs) + TABLE_BITS
