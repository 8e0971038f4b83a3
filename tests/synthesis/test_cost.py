"""Multiply-adds counted by hand."""

from dataclasses import replace

import pytest

from nvcodec.bitstream import INTER, LevelConfig, ModelConfig
from nvcodec.synthesis.cost import decoding_cost

# At 64x64 the levels have 32, 16, 8, 4 and 2 rows and columns.
MODEL = ModelConfig(
    levels=(
        LevelConfig(features=2),
        LevelConfig(features=3),
        LevelConfig(features=4),
        LevelConfig(features=5, branch=6, grid_channels=3, gop_grid_flag=True, context_hidden=2),
        LevelConfig(features=7, grid_channels=2, window_flag=True),
    ),
    window_length=4,
    fusion_count=2,
    context_previous_flag=True,
    context_coarser_flag=True,
)
LEVEL_4 = 4 * (2 * 7 * 9)  # embed
LEVEL_3 = (
    16 * (3 * 5 * 9)  # embed
    + 4 * (7 * 20)  # up, at the coarser size
    + 16 * (5 * 6 * 9 + 6 * 6 * 9 + 12 * 5)  # branches and fuse
    + 16 * (5 * 6 * 9)  # head
)
LEVEL_2 = 16 * (5 * 16) + 64 * (4 * 6 * 9)
LEVEL_1 = 64 * (4 * 12) + 256 * (3 * 6 * 9)
LEVEL_0 = 256 * (3 * 8) + 1024 * (2 * 6 * 9)
CONTEXTS = 16 * (5 * 2 * 9 + 7 * 6) + 4 * (2 * 4)
EMBEDDING = 16 * 3 * (1 + 1) + 4 * 2 * 4


@pytest.mark.parametrize(
    ("finest", "synthesis"),
    [
        (0, LEVEL_4 + LEVEL_3 + LEVEL_2 + LEVEL_1 + LEVEL_0),
        (1, LEVEL_4 + LEVEL_3 + LEVEL_2 + LEVEL_1),
        (2, LEVEL_4 + LEVEL_3 + LEVEL_2),
        (3, LEVEL_4 + LEVEL_3),
    ],
)
def test_by_hand(finest: int, synthesis: int) -> None:
    cost, pixels = decoding_cost(MODEL, 64, 64, "420", finest), (64 >> finest) ** 2
    assert cost.synthesis == synthesis / pixels
    assert cost.contexts == CONTEXTS / pixels
    assert cost.embedding == EMBEDDING / pixels
    assert cost.total == cost.synthesis + cost.contexts + cost.embedding


def test_picture_skip_adds_the_bilinear_kernels() -> None:
    skipping = decoding_cost(replace(MODEL, picture_skip_flag=True), 64, 64, "420", 0)
    plain = decoding_cost(MODEL, 64, 64, "420", 0)
    assert (skipping.synthesis - plain.synthesis) * 64 * 64 == (16 + 64 + 256) * 6 * 24 * 9


def test_without_context_one_plane_of_zeros_is_seen() -> None:
    blind = replace(MODEL, context_previous_flag=False, context_coarser_flag=False)
    cost = decoding_cost(blind, 64, 64, "420", 0)
    assert cost.contexts * 64 * 64 == 16 * (1 * 2 * 9 + 3 * 6) + 4 * (1 * 4)


@pytest.mark.parametrize(("chroma_format", "channels"), [("400", 4), ("422", 8), ("444", 12)])
def test_chroma_formats_differ_by_their_heads(chroma_format: str, channels: int) -> None:
    heads = 9 * (16 * 5 + 64 * 4 + 256 * 3 + 1024 * 2)
    cost, cost_420 = (decoding_cost(MODEL, 64, 64, f, 0) for f in (chroma_format, "420"))
    assert (cost.synthesis - cost_420.synthesis) * 64 * 64 == heads * (channels - 6)


def test_odd_sizes_count_per_sample_that_comes_out() -> None:
    cost = decoding_cost(MODEL, 33, 17, "420", 1)
    # levels: 17x9, 9x5, 5x3, 3x2, 2x1; the picture at 1/2 is 17x9
    assert cost.embedding == (3 * 2 * 3 * 2 + 2 * 1 * 2 * 4) / (17 * 9)


INTER_MODEL = ModelConfig(
    levels=(
        LevelConfig(features=2),
        LevelConfig(features=3),
        LevelConfig(features=4),
        LevelConfig(features=5, branch=6, grid_channels=3, context_hidden=2),
        LevelConfig(features=7, grid_channels=2),
    ),
    fusion_count=2,
    context_coarser_flag=True,
    step_rows=4,
    role=INTER,
)
# What an inter network's levels have more: the window's convolution, two outputs of the head, the blend.
WINDOWS = {3: 16 * (12 * 5 * 9), 2: 64 * (12 * 4 * 9), 1: 256 * (12 * 3 * 9), 0: 1024 * (12 * 2 * 9)}
MASKS = {3: 16 * (5 * 2 * 9), 2: 64 * (4 * 2 * 9), 1: 256 * (3 * 2 * 9), 0: 1024 * (2 * 2 * 9)}
BLENDS = {3: 16 * 6, 2: 64 * 6, 1: 256 * 6, 0: 1024 * 6}
PLAIN = {3: LEVEL_3, 2: LEVEL_2, 1: LEVEL_1, 0: LEVEL_0}


@pytest.mark.parametrize("finest", range(4))
def test_inter_networks_by_hand(finest: int) -> None:
    cost, pixels = decoding_cost(INTER_MODEL, 64, 64, "420", finest), (64 >> finest) ** 2
    levels = range(finest, 4)
    assert cost.synthesis * pixels == LEVEL_4 + sum(
        PLAIN[level] + WINDOWS[level] + MASKS[level] + BLENDS[level] for level in levels
    )
    # level 3 sees the coarser level's 2 channels; level 4 one plane of zeros
    assert cost.contexts * pixels == 16 * (2 * 2 * 9 + 4 * 6) + 4 * (1 * 4)
    assert cost.embedding * pixels == 16 * 3 + 4 * 2


def test_two_passes_run_the_context_network_twice_on_known_neighbours_too() -> None:
    cost = decoding_cost(replace(INTER_MODEL, context_neighbours_flag=True), 64, 64, "420", 0)
    assert cost.contexts * 64 * 64 == 2 * (16 * (5 * 2 * 9 + 7 * 6) + 4 * (2 * 4))
    assert cost.synthesis == decoding_cost(INTER_MODEL, 64, 64, "420", 0).synthesis
