"""The hybrid profile's conformance vectors: every band, context, table and choice, with and without a network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count, cycle

import numpy as np

from nvcodec.bitstream import INTER, LevelConfig, LevelTables, ModelConfig
from nvcodec.bitstream.default_tables import default_tables
from nvcodec.bitstream.filters import DEFAULT_FILTER, Filter
from nvcodec.bitstream.limits import MAX_MOTION_GOP_LENGTH, MAX_SCALE_INDEX, MAX_STEP_ROWS
from nvcodec.bitstream.residual_headers import (
    CHOICE_CONTEXTS,
    DEFAULT_CHOICE,
    DEFAULT_INTRA,
    MAX_REFERENCES,
    TABLE_BITS,
    Tables,
)
from nvcodec.bitstream.versions import HYBRID_VERSION_MINOR
from nvcodec.decoder.network_unit import base_config
from nvcodec.synthesis.structure import CodedPicture
from nvcodec.synthesis.weights import ConvWeights
from tests.conformance.assembly import (
    HEAD_SHIFT,
    WeightsAndShifts,
    assemble,
    gops,
    hybrid_units,
    reserved_unit,
    shift_heads,
    with_digests,
)
from tests.conformance.motion_recipes import base_weights
from tests.conformance.wild_residual import Odds, Plan
from tests.conformance.wild_splits import KINDS, Wildness
from tests.streams import random_weights, video_format

TINY = ModelConfig(
    levels=(
        LevelConfig(features=4, branch=2),
        LevelConfig(features=5, branch=3),
        LevelConfig(features=5, branch=3),
        LevelConfig(features=6, branch=3),
        LevelConfig(features=4, grid_channels=1, context_hidden=2),
    ),
    fusion_count=2,
    picture_skip_flag=True,
    context_coarser_flag=True,
    context_neighbours_flag=True,
    step_rows=3,
    role=INTER,
)
FINE = 24
"""A quantisation parameter whose step is 1/16 of the sample range: pictures have contrast, but few samples clamp."""
Planner = Callable[[CodedPicture], Plan]


def _file(*parameters: object, digest_bytes: int = 8, **options: object) -> bytes:
    """A file of `hybrid_units` with digests."""
    return assemble(with_digests(hybrid_units(*parameters, **options), digest_bytes))


def _turns(*plans: Plan) -> Planner:
    """One plan after the other, in coding order, again and again."""
    turns = cycle(plans)
    return lambda picture: next(turns)


def _first_fine(*plans: Plan) -> Planner:
    """As `_turns`, but pictures without references always have a residual, so that something is seen."""
    turns = cycle(plans)
    return lambda picture: next(turns) if picture.references else Plan(qp=32)


def _network(model: ModelConfig, chroma_format: str, seed: int) -> WeightsAndShifts:
    weights = random_weights(model, chroma_format, np.random.default_rng(seed))
    shift_heads(weights, HEAD_SHIFT)
    return weights, {(level, name): 8 for level, own in weights.items() for name in own.layers}


def smallest() -> bytes:
    """Pictures of one sample, planes of one block: one picture in a closed GoP, then an open GoP, and one of two."""
    plan = _turns(Plan(qp=36), Plan(qp=24, choice_log2=3), Plan(residual=False), Plan(qp=0, choice_log2=5))
    return _file(video_format("400", 8, 1, 1), [gops(1), gops(1, 1, 2, 3)], 301, plan, odds=Odds(flag=0.9))


def blocks_at_edges() -> bytes:
    """Planes of 9x17 and 9x9 samples: blocks of which all scales keep one row or column."""
    plan = _first_fine(Plan(qp=22), Plan(qp=32, choice_log2=3), Plan(qp=27, choice_log2=4))
    return _file(video_format("422", 8, 17, 9), [gops(1, 3, 2)], 302, plan, odds=Odds(flag=0.8))


def open_gops() -> bytes:
    """GoPs of 1, 4, 1, 2 and 3; residuals, the network, both and neither by turns."""
    plan = _first_fine(
        Plan(qp=28, network=True), Plan(residual=False), Plan(False, 40, network=True), Plan(qp=24, choice_log2=4)
    )
    weights = lambda segment: _network(TINY, "420", 303)  # noqa: E731
    options = {"model": TINY, "weights": weights}
    return _file(video_format("420", 8, 45, 35), [gops(1, 4, 1, 2, 3)], 303, plan, **options)


def closed_gops() -> bytes:
    """Closed GoPs in the middle of a segment; of three segments the second alone has a network."""
    segments = [gops(2, 2), gops(3, 1, 1, 2, closed=(0, 2)), gops(1)]
    plan = _turns(Plan(qp=30, network=True), Plan(qp=22, network=True, choice_log2=5), Plan(qp=26))
    options = {"model": TINY, "weights": lambda segment: _network(TINY, "444", 304) if segment == 1 else None}
    return _file(video_format("444", 10, 20, 33), segments, 304, plan, **options)


def nothing() -> bytes:
    """Pictures with neither residual nor network: mid-grey, and then what vectors and choices make of one picture."""
    first = _turns(Plan(residual=False))
    units = _first_fine(Plan(residual=False), Plan(residual=False, choice_log2=4))
    seen = count()

    def plan(picture: CodedPicture) -> Plan:
        return first(picture) if next(seen) < 3 else units(picture)

    return _file(video_format("422", 8, 34, 22), [gops(1, 2), gops(1, 4)], 305, plan)


def gop_of_64() -> bytes:
    """The longest GoP; a residual on every fifth picture, choices on others."""
    nothing, some = Plan(residual=False), Plan(qp=20)
    plan = _first_fine(nothing, Plan(residual=False, choice_log2=3), nothing, Plan(qp=21, choice_log2=3), some)
    video = video_format("420", 8, 18, 16)
    return _file(video, [gops(1, MAX_MOTION_GOP_LENGTH)], 306, plan, digest_bytes=2)


def extreme_values() -> bytes:
    """Symbols of -128 and 127, the coarsest and the finest steps: coefficients, sums and samples that are clamped."""
    plan = _turns(
        Plan(qp=63), Plan(qp=0), Plan(qp=63, network=True), Plan(qp=33, choice_log2=4), Plan(qp=0, network=True)
    )
    odds = Odds(plane=0.9, flag=0.7, significant=0.5, extreme=0.5, spread=30)
    options = {"model": TINY, "weights": lambda segment: _network(TINY, "420", 307), "odds": odds}
    return _file(video_format("420", 10, 34, 30), [gops(1, 3, 4)], 307, plan, **options)


def every_context() -> bytes:
    """All contexts of every set, kind of plane and level, under the default tables."""
    turns = cycle((5, 3, 4, 5, 0))

    def plan(picture: CodedPicture) -> Plan:
        return Plan(qp=FINE, choice_log2=next(turns) if len(picture.references) == MAX_REFERENCES else 0)

    odds = Odds(plane=1.0, flag=0.45, significant=0.35, spread=1.0, other=0.002)
    segment = gops(1, 1, 4, 1, 5, 1, closed=(0, 2, 3, 5))
    return _file(video_format("444", 8, 56, 48), [segment], 308, plan, odds=odds)


def sparse_bands() -> bytes:
    """Few coefficients: bands of many blocks of which one has any, planes without."""
    plan = _first_fine(Plan(qp=FINE))
    odds = Odds(plane=0.6, flag=0.08, significant=0.1, spread=0.7, other=0.05)
    return _file(video_format("420", 12, 70, 50), [gops(1, 4)], 309, plan, odds=odds)


def _custom(random: np.random.Generator, share: float, version_minor: int = HYBRID_VERSION_MINOR) -> Tables:
    """Tables of which so many are others than the defaults. All indices come up."""
    binary = cycle(random.permutation(1 << TABLE_BITS))
    value = cycle(random.permutation(MAX_SCALE_INDEX + 1))

    def changed(given: tuple[int, ...], others: Iterator[int]) -> tuple[int, ...]:
        return tuple(int(next(others)) if random.random() < share else own for own in given)

    return tuple(
        tuple(
            tuple(LevelTables(changed(own.binary, binary), changed(own.value, value)) for own in levels)
            for levels in kinds
        )
        for kinds in default_tables(version_minor)
    )


def _custom_choice(first: int, step: int) -> tuple[int, ...]:
    return tuple((first + step * c) % (1 << TABLE_BITS) for c in range(CHOICE_CONTEXTS))


def custom_tables() -> bytes:
    """A segment with custom tables in every set, one with a few in one set, one with custom choices alone."""
    random = np.random.default_rng(310)
    everywhere, few, defaults = _custom(random, 0.97), _custom(random, 0.1), default_tables(HYBRID_VERSION_MINOR)
    tables = (
        (everywhere, _custom_choice(0, 63)),
        ((defaults[0], few[1], defaults[2]), (*DEFAULT_CHOICE[:6], 63, *DEFAULT_CHOICE[7:])),
        (defaults, _custom_choice(9, 5)),
    )
    plan = _turns(Plan(qp=FINE), Plan(qp=FINE + 4, choice_log2=3))
    segments, odds = [gops(1, 1, 3), gops(2, 2), gops(1, 2)], Odds(plane=0.9, other=0.001)
    options = {"tables": lambda segment: tables[segment], "odds": odds, "motion": Wildness(custom=0.6)}
    return _file(video_format("422", 12, 41, 33), segments, 310, plan, **options)


def custom_tables_without_chroma() -> bytes:
    """In 4:0:0 a set of tables has one kind of planes."""
    tables = _custom(np.random.default_rng(311), 0.9)
    plan = _turns(*(Plan(qp=FINE + log2, choice_log2=log2) for log2 in (5, 3, 4)))
    options = {"tables": lambda segment: (tables, _custom_choice(63, 7)), "odds": Odds(plane=0.9, other=0.001)}
    motion = Wildness(kinds=((5, 1), (6, 0), (5, 0), (5, 2), (3, None), (6, 3), (4, 1)), custom=1.0)
    return _file(video_format("400", 10, 72, 50), [gops(1, 4, 6)], 311, plan, motion=motion, **options)


def choices() -> bytes:
    """Choices of all sizes, none among them, in pictures of odd size whose vectors lie far apart."""
    sizes = (Plan(residual=False, choice_log2=log2) for log2 in (3, 4, 5, 0, 3))
    video, segment = video_format("420", 8, 93, 77), gops(1, 1, 6, 5)
    return _file(video, [segment], 312, _first_fine(*sizes), motion=Wildness(extreme=0.2))


def choices_and_network() -> bytes:
    """Choices in 4:2:2, whose planes are halved in one direction, ahead of residuals and of the network."""
    plan = _first_fine(*(Plan(qp=21, network=log2 % 2 > 0, choice_log2=log2) for log2 in (3, 4, 5)))
    options = {"model": TINY, "weights": lambda segment: _network(TINY, "422", 313), "odds": Odds(alone=0.7)}
    return _file(video_format("422", 10, 43, 37), [gops(1, 5, 4)], 313, plan, **options)


def extreme_vectors() -> bytes:
    """Vectors at the ends of their range and clamped to it, under residuals."""
    plan = _first_fine(Plan(qp=24), Plan(residual=False, choice_log2=3), Plan(residual=False))
    segment = gops(1, 1, 6, 3, 2, closed=(0, 4))
    motion = Wildness((0.0, 90.0, 2.0, 20.0), spread=40.0, extreme=0.5)
    return _file(video_format("420", 12, 77, 61), [segment], 314, plan, motion=motion, odds=Odds(flag=0.2))


def splits() -> bytes:
    """Every block size and every depth of splits, in pictures with blocks cut off at the right and below."""
    plan = _first_fine(Plan(residual=False), Plan(residual=False, choice_log2=4))
    segment = gops(1, 1, 8, 7, 4, closed=(0, 4))
    return _file(
        video_format("420", 8, 147, 85), [segment], 319, plan, motion=Wildness(spreads=(0.3, 3, 12), custom=0.4)
    )


def splits_of_still_pictures() -> bytes:
    """Vectors that hardly differ, so that parts are offered few; 4:4:4."""
    plan = _first_fine(Plan(residual=False), Plan(qp=FINE))
    motion = Wildness((0.1, 0.0, 0.4), KINDS[::-1], 1.0, ones=0.4, spread=1.0, extreme=0.0, split_scale_index=0)
    return _file(video_format("444", 8, 130, 66), [gops(1, 7, 5)], 320, plan, motion=motion, odds=Odds(flag=0.1))


def vectors_interpolated() -> bytes:
    """No picture is stepped, so that MOTION units have no tables of splits; then stepped ones without splits."""
    kinds = ((3, None), (5, None), (4, None), (6, None), (3, None), (5, 0), (6, 0))
    plan = _first_fine(Plan(residual=False), Plan(qp=FINE, choice_log2=3))
    return _file(video_format("422", 10, 47, 35), [gops(1, 5, 2)], 321, plan, motion=Wildness(kinds=kinds, custom=0.2))


def levels_absent() -> bytes:
    """GoPs with RESIDUAL units of every subset of the finer levels, and units in which no plane is coded."""
    subsets = [tuple(level for level in (2, 1, 0) if number >> level & 1) for number in range(8)]
    plan = _turns(Plan(qp=26), Plan(qp=32), Plan(residual=False))
    odds = Odds(plane=0.4, flag=0.6)
    options = {"finer": lambda gop: subsets[gop % 8], "odds": odds}
    return _file(video_format("420", 10, 26, 24), [gops(1, *[2] * 7, 1, 1)], 315, plan, **options)


def network_alone() -> bytes:
    """The network from qp 0 to 63 without a residual, in 4:4:4 of 12 bits; step_rows 8, layers that have no use."""
    model = replace(TINY, step_rows=MAX_STEP_ROWS)

    def weights(segment: int) -> WeightsAndShifts:
        found, shifts = _network(model, "444", 316)
        random = np.random.default_rng(316)
        own = found[4]
        own.step.ravel()[:] = [1, 1023, *own.step.ravel()[2:]]
        for name, shift in (("context_hidden", 0), ("context_output", 15)):
            layer = own.layers[name]
            values = random.integers(-127, 128, layer.weight.shape) if shift else layer.weight * 0
            own.layers[name] = ConvWeights(values, layer.bias >> 8 << shift if shift else layer.bias * 0, shift)
            shifts[4, name] = shift
        return found, shifts

    plan = _turns(*(Plan(False, qp, network=True) for qp in (31, 0, 63, 47)))
    return _file(video_format("444", 12, 21, 26), [gops(1, 5)], 316, plan, model=model, weights=weights)


def base_model_3() -> bytes:
    """Base model 3, and a network a few weights away from it, in two segments."""
    return _near_base(3, 317)


def base_model_4() -> bytes:
    """The same of base model 4, which came with version 0.6."""
    return _near_base(4, 339, version_minor=6)


def _near_base(number: int, seed: int, version_minor: int | None = None) -> bytes:
    model = base_config(number, INTER)

    def weights(segment: int) -> WeightsAndShifts:
        found, shifts = base_weights(number, INTER)
        random = np.random.default_rng(seed)
        for own in found.values() if segment else ():
            for layer in own.layers.values():
                layer.weight[random.random(layer.weight.shape) < 0.005] += 1
        return found, shifts

    plan = _first_fine(
        Plan(qp=24, network=True), Plan(qp=18, network=True, choice_log2=3), Plan(False, 8, network=True)
    )
    segments, odds = [gops(1, 3), gops(1, 2)], Odds(flag=0.2)
    video = video_format("420", 8, 50, 38)
    units = hybrid_units(video, segments, seed, plan, model=model, weights=weights, odds=odds)
    return assemble(with_digests(units), version_minor=version_minor)


def _version_7(*parameters: object, **options: object) -> bytes:
    """As `_file`, with the fields that came with version 0.7; every segment has intra blocks and deblocked pictures
    unless options say otherwise."""
    plain = {"intra": lambda segment: DEFAULT_INTRA, "deblocking": lambda segment: True, "version_minor": 7}
    given = {**plain, **options}
    units, minor = hybrid_units(*parameters, **given), given["version_minor"]
    return assemble(with_digests(units, version_minor=minor), version_minor=minor)


def _intra_plan(*plans: Plan) -> Planner:
    """The plans with intra blocks of 8, 16 and 32 by turns, in pictures with one reference and with two."""
    turns, sizes = cycle(plans), {count: cycle((4, 3, 5)) for count in (1, MAX_REFERENCES)}

    def plan(picture: CodedPicture) -> Plan:
        if not picture.references:
            return Plan(qp=32)
        return replace(next(turns), intra_log2=next(sizes[len(picture.references)]))

    return plan


def intra_blocks() -> bytes:
    """Of all sizes, with one reference and with two, with choices, residuals and neither; one picture has none."""
    plan = _intra_plan(
        Plan(qp=22), Plan(residual=False, choice_log2=3), Plan(qp=26), Plan(residual=False), Plan(qp=24, choice_log2=4)
    )
    seen = count()
    some = lambda picture: Plan(qp=25) if next(seen) == 5 else plan(picture)  # noqa: E731
    return _version_7(video_format("420", 8, 61, 45), [gops(1, 4, 1, 2, 2)], 351, some)


def intra_blocks_of_full_chroma() -> bytes:
    """The same in 4:4:4 at 10 bits, where intra blocks are frequent."""
    video, odds = video_format("444", 10, 50, 38), Odds(flag=0.2, intra=0.8)
    return _version_7(video, [gops(1, 2, 2, 2)], 352, _intra_plan(Plan(qp=FINE)), odds=odds)


def intra_blocks_of_half_chroma() -> bytes:
    """The same in 4:2:2, with a network."""
    plan = _intra_plan(Plan(qp=FINE), Plan(qp=FINE, network=True))
    options = {"model": TINY, "weights": lambda segment: _network(TINY, "422", 353), "odds": Odds(flag=0.2)}
    return _version_7(video_format("422", 8, 45, 35), [gops(1, 2, 2, 2)], 353, plan, **options)


def intra_everywhere() -> bytes:
    """4:0:0: pictures of intra blocks alone are mid-grey; in another segment with custom tables few are; in a third
    none can be."""
    plan = _intra_plan(Plan(residual=False), Plan(qp=20), Plan(qp=20))
    tables = ((0, DEFAULT_INTRA[1], 10, 15, 20, 25, 30, 35, 63, 45, 50), DEFAULT_INTRA, None)
    segments = [gops(1, 2), gops(1, 2, 2), gops(1, 2)]
    odds = Odds(flag=0.2, intra=0.97)
    video = video_format("400", 8, 33, 70)
    options = {"intra": lambda segment: tables[segment], "deblocking": lambda segment: segment < 2}
    return _version_7(video, segments, 354, plan, odds=odds, **options)


def exact_positions() -> bytes:
    """As `extreme_vectors`, with chroma of half the columns: positions between quarter samples, and outside."""
    plan = _first_fine(Plan(qp=24), Plan(residual=False, choice_log2=3), Plan(residual=False))
    segment, odds = gops(1, 1, 6, 3, 2, closed=(0, 4)), Odds(flag=0.2)
    motion = Wildness((0.0, 90.0, 2.0, 20.0), spread=40.0, extreme=0.3)
    return _version_7(video_format("422", 8, 93, 61), [segment], 358, plan, motion=motion, odds=odds)


def intra_blocks_in_the_smallest() -> bytes:
    """Pictures of one sample: one block of each size, which is intra or not; planes without an edge to deblock."""
    plan = _intra_plan(Plan(qp=36, deblocked=True), Plan(residual=False))
    return _version_7(video_format("400", 8, 1, 1), [gops(1, 2, 2, 2)], 357, plan, odds=Odds(flag=0.9, intra=0.5))


def deblocking() -> bytes:
    """Smooth pictures with few coefficients, with and without a network, at many steps."""
    steps = (26, 32, 38, 44, 50, 63, 14, 20)
    plan = _turns(*(Plan(qp=qp, deblocked=qp != 32, network=qp in (26, 44)) for qp in steps))
    options = {"model": TINY, "weights": lambda segment: _network(TINY, "420", 355)}
    odds = Odds(plane=0.9, flag=0.25, significant=0.05, spread=0.3)
    return _version_7(video_format("420", 8, 61, 45), [gops(1, 4, 1, 4)], 355, plan, odds=odds, **options)


def deblocking_of_many_bits() -> bytes:
    """12 bits, where steps of the least quantisation parameters count, and sizes of which a scale keeps one column."""
    plan = _turns(*(Plan(qp=qp, deblocked=True) for qp in (30, 1, 9, 17, 40)))
    odds = Odds(plane=0.9, flag=0.3, significant=0.05, spread=0.4)
    return _version_7(video_format("422", 12, 49, 33), [gops(1, 4), gops(2)], 356, plan, odds=odds)


def units_in_another_order() -> bytes:
    """Backwards, units of reserved types between them, and without an index."""
    plan = _first_fine(Plan(qp=24, choice_log2=3), Plan(qp=22))
    units = with_digests(hybrid_units(video_format("420", 8, 20, 18), [gops(1, 3)], 318, plan))[::-1]
    reserved = reserved_unit(10, bytes(20), 0, 0, 3, damaged=True)
    return assemble([*units[:5], reserved, *units[5:], reserved_unit(255, b"")], index=lambda unit: b"")


def _version_8(*parameters: object, **options: object) -> bytes:
    """As `_version_7`, with coefficients as version 0.8 codes them."""
    return _version_7(*parameters, **options, version_minor=8)


def small_coefficients() -> bytes:
    """Version 0.8: contexts of few and small coefficients, of every set and kind of plane, under default tables; GoPs
    without level 2, and with levels 3 and 0 alone."""
    subsets, odds = ((2, 1, 0), (1, 0), (0,)), Odds(plane=1.0, flag=0.35, significant=0.05, spread=0.7, other=0.002)
    options = {"finer": lambda gop: subsets[gop], "odds": odds}
    segment = gops(5, 3, 3, closed=(0, 1, 2))
    return _version_8(video_format("444", 8, 152, 123), [segment], 361, _turns(Plan(qp=FINE)), **options)


def large_coefficients() -> bytes:
    """Version 0.8: the same of many and large ones, in levels 3 and 2 alone."""
    odds = Odds(plane=1.0, flag=0.45, significant=0.6, spread=3.0, other=0.002)
    options = {"finer": lambda gop: (2,), "odds": odds}
    segment = gops(3, 1, 3, 2, 1, 1, closed=(0, 2, 3, 4, 5))
    return _version_8(video_format("444", 8, 144, 123), [segment], 362, _turns(Plan(qp=FINE - 12)), **options)


def many_coefficients() -> bytes:
    """Version 0.8: the same in all levels, and with level 0 alone besides level 3."""
    subsets, odds = ((2, 1, 0), (0,)), Odds(plane=1.0, flag=0.5, significant=0.35, spread=2.5, other=0.002)
    options = {"finer": lambda gop: subsets[gop], "odds": odds}
    segment = gops(3, 3, closed=(0, 1))
    return _version_8(video_format("444", 8, 80, 75), [segment], 369, _turns(Plan(qp=FINE - 8)), **options)


def scattered_coefficients() -> bytes:
    """Version 0.8: few blocks with large coefficients in many without."""
    odds = Odds(plane=1.0, flag=0.22, significant=0.25, spread=9.0, other=0.002)
    segment = gops(1, 3, 2, 1, 1, closed=(0, 3, 4))
    return _version_8(video_format("444", 8, 120, 91), [segment], 372, _turns(Plan(qp=FINE - 12)), odds=odds)


def extreme_coefficients() -> bytes:
    """Version 0.8: symbols at the ends of their range, so that values near predictions wrap, with 10 bits."""
    plan = _turns(Plan(qp=20), Plan(qp=0, deblocked=True), Plan(qp=63, network=True))
    odds = Odds(plane=0.9, flag=0.6, significant=0.3, extreme=0.3, spread=30)
    options = {"model": TINY, "weights": lambda segment: _network(TINY, "420", 363), "odds": odds}
    return _version_8(video_format("420", 10, 50, 35), [gops(1, 2)], 363, plan, **options)


def one_block_wide() -> bytes:
    """Version 0.8: planes of one column of blocks, and chroma of one block, in 4:2:0; intra blocks."""
    plan = _intra_plan(Plan(qp=FINE, deblocked=True), Plan(qp=30))
    return _version_8(video_format("420", 8, 7, 75), [gops(1, 2)], 364, plan, odds=Odds(plane=0.9, flag=0.6))


def one_row_of_blocks() -> bytes:
    """Version 0.8: planes of one row of blocks, in 4:2:2 of 12 bits, in GoPs without some levels."""
    subsets = ((2, 0), (1,), (2, 1), (0,))
    plan, odds = _turns(Plan(qp=FINE), Plan(qp=31, deblocked=True)), Odds(plane=0.7, flag=0.6)
    options = {"finer": lambda gop: subsets[gop], "odds": odds}
    return _version_8(video_format("422", 12, 83, 6), [gops(1, 2, 1, 2)], 365, plan, **options)


def the_smallest_of_version_8() -> bytes:
    """Version 0.8: pictures of one sample, that is of one block."""
    plan = _turns(Plan(qp=36), Plan(qp=24))
    return _version_8(video_format("400", 8, 1, 1), [gops(1, 1, 2, 3)], 366, plan, odds=Odds(flag=0.6, significant=0.6))


def custom_levels() -> bytes:
    """Version 0.8: custom tables in all levels, in some, and in one of one set."""
    everywhere, defaults = _custom(np.random.default_rng(367), 0.9, 8), default_tables(8)

    def some(wanted: Callable[[int, int, int], bool]) -> Tables:
        return tuple(
            tuple(
                tuple((everywhere if wanted(t, k, level) else defaults)[t][k][level] for level in range(4))
                for k in range(2)
            )
            for t in range(3)
        )

    tables = (everywhere, some(lambda t, k, level: (t + k + level) % 2 > 0), some(lambda *at: at == (1, 1, 3)))
    options = {"tables": lambda segment: (tables[segment], DEFAULT_CHOICE), "odds": Odds(plane=0.9, other=0.001)}
    segments = [gops(1, 1, 3), gops(1, 2), gops(2)]
    return _version_8(video_format("420", 8, 57, 45), segments, 367, _turns(Plan(qp=FINE)), **options)


def custom_levels_without_chroma() -> bytes:
    """Version 0.8: the same in 4:0:0, where a set has one kind of planes."""
    tables = _custom(np.random.default_rng(368), 0.5, 8)
    options = {"tables": lambda segment: (tables, DEFAULT_CHOICE), "odds": Odds(plane=0.9)}
    return _version_8(video_format("400", 10, 40, 50), [gops(1, 3)], 368, _turns(Plan(qp=FINE)), **options)


def _version_9(*parameters: object, **options: object) -> bytes:
    """As `_version_8`, of version 0.9: with eight taps, and adaptive filters where options give them."""
    return _version_7(*parameters, **{"intra": lambda segment: None, **options}, version_minor=9)


def _wild_filter(seed: int, spread: float, share: float = 0.8) -> Filter:
    """A filter of coefficients drawn around the default ones; some classes have these."""
    random = np.random.default_rng(seed)
    changes = random.normal(0, spread, (15, 12)).round().clip(-100, 100).astype(int)
    changes[random.random(len(changes)) >= share] = 0
    return tuple(tuple(int(x) for x in row) for row in np.asarray(DEFAULT_FILTER) + changes)


def _filter_of_every_width() -> Filter:
    """A filter whose classes differ from the default ones by -1 or 0, by -2 .. 1, and so on."""
    random = np.random.default_rng(5)
    found = []
    for c, row in enumerate(DEFAULT_FILTER):
        half = 1 << c % 8
        changes = random.integers(-half, half, len(row)) // 2
        changes[c % len(row)] = -(half // 2) if c % 8 else -1
        found.append(tuple(int(start + change) for start, change in zip(row, changes, strict=True)))
    return tuple(found)


def _contrast(*plans: Plan) -> Planner:
    """As `_turns`, but anchors have residuals that take most samples to the ends of their range."""
    turns = cycle(plans)
    return lambda picture: next(turns) if picture.depth else Plan(qp=56)


def eight_taps() -> bytes:
    """Version 0.9: vectors of all phases and outside; pictures of black beside white, of which half samples are
    clamped."""
    plan = _contrast(Plan(residual=False), Plan(residual=False, choice_log2=3), Plan(qp=20))
    segment, odds = gops(1, 1, 6, 3, 2, closed=(0, 4)), Odds(plane=1.0, flag=0.6, significant=0.4, spread=3.0)
    motion = Wildness((0.8, 40.0, 3.0), spread=2.0, derived=1.0)
    return _version_9(video_format("420", 8, 61, 45), [segment], 381, plan, motion=motion, odds=odds)


def eight_taps_of_many_bits() -> bytes:
    """Version 0.9: the same of 12 bits, in 4:2:2."""
    plan = _contrast(Plan(residual=False), Plan(residual=False, choice_log2=4), Plan(qp=20))
    odds = Odds(plane=1.0, flag=0.6, significant=0.4, spread=3.0)
    motion = Wildness((0.8, 3.0, 15.0), spread=2.0, derived=1.0)
    return _version_9(video_format("422", 12, 35, 41), [gops(1, 2, 3)], 382, plan, motion=motion, odds=odds)


def adaptive_filters() -> bytes:
    """Version 0.9: filters in blocks with coefficients and in all, in pictures with and without a residual; a segment
    has two filters of its own, one has one, one the default alone, and one none."""
    plan = _turns(
        Plan(qp=26, filter_index=1),
        Plan(qp=20, filter_index=2, filter_whole=True, deblocked=True),
        Plan(residual=False, filter_index=3, filter_whole=True),
        Plan(qp=32, filter_index=3),
        Plan(residual=False, filter_index=2),
        Plan(qp=14),
        Plan(qp=26, filter_index=1, filter_whole=True),
    )
    own: tuple[tuple[Filter, ...] | None, ...] = (
        (_wild_filter(1, 4), _wild_filter(2, 30)),
        (_filter_of_every_width(),),
    )
    own = (*own, (), None)
    options = {"filters": lambda segment: own[segment], "odds": Odds(flag=0.3, significant=0.12, spread=1.2)}
    segments = [gops(1, 4, 2), gops(1, 3), gops(2), gops(1)]
    return _version_9(video_format("420", 8, 93, 61), segments, 383, plan, **options)


def adaptive_filters_of_many_bits() -> bytes:
    """Version 0.9: the same of 10 bits in 4:4:4, with differences at the ends of their range, which takes coefficients
    to the ends of theirs, and beyond; intra blocks, a network."""
    ends = tuple(
        tuple(start + (-128, 127)[(c + t) % 2] for t, start in enumerate(row)) for c, row in enumerate(DEFAULT_FILTER)
    )
    plan = _turns(
        Plan(qp=24, filter_index=2, filter_whole=True),
        Plan(qp=24, filter_index=1, intra_log2=3, network=True, filter_whole=True),
        Plan(qp=30, filter_index=3, intra_log2=4),
    )
    options = {
        "filters": lambda segment: (ends, _wild_filter(4, 9, 0.4)),
        "intra": lambda segment: DEFAULT_INTRA,
        "odds": Odds(flag=0.2, intra=0.2),
        "model": TINY,
        "weights": lambda segment: _network(TINY, "444", 384),
    }
    return _version_9(video_format("444", 10, 37, 50), [gops(1, 3)], 384, plan, **options)


def adaptive_filters_of_smooth_pictures() -> bytes:
    """Version 0.9: 4:0:0, few coefficients and large steps: blocks of little activity, of edges across and down."""
    plan = _turns(
        *(Plan(qp=qp, filter_index=1, filter_whole=whole) for qp, whole in ((30, True), (24, False), (36, True)))
    )
    options = {"filters": lambda segment: (), "odds": Odds(flag=0.25, significant=0.03, spread=0.4)}
    return _version_9(video_format("400", 8, 99, 70), [gops(1, 2, 2)], 385, plan, **options)


def the_smallest_of_version_9() -> bytes:
    """Version 0.9: pictures of one sample, whose neighbours are all itself."""
    plan = _turns(Plan(qp=36, filter_index=1), Plan(qp=24, filter_index=1, filter_whole=True))
    options = {"filters": lambda segment: (), "odds": Odds(flag=0.6, significant=0.6)}
    return _version_9(video_format("400", 8, 1, 1), [gops(1, 1, 2, 3)], 386, plan, **options)


RECIPES: dict[str, Callable[[], bytes]] = {
    f"hybrid_{recipe.__name__}": recipe
    for recipe in (
        smallest,
        blocks_at_edges,
        open_gops,
        closed_gops,
        nothing,
        gop_of_64,
        extreme_values,
        every_context,
        sparse_bands,
        custom_tables,
        custom_tables_without_chroma,
        choices,
        choices_and_network,
        extreme_vectors,
        splits,
        splits_of_still_pictures,
        vectors_interpolated,
        levels_absent,
        network_alone,
        base_model_3,
        base_model_4,
        intra_blocks,
        intra_blocks_of_full_chroma,
        intra_blocks_of_half_chroma,
        intra_everywhere,
        intra_blocks_in_the_smallest,
        exact_positions,
        deblocking,
        deblocking_of_many_bits,
        units_in_another_order,
        small_coefficients,
        large_coefficients,
        many_coefficients,
        scattered_coefficients,
        extreme_coefficients,
        one_block_wide,
        one_row_of_blocks,
        the_smallest_of_version_8,
        custom_levels,
        custom_levels_without_chroma,
        eight_taps,
        eight_taps_of_many_bits,
        adaptive_filters,
        adaptive_filters_of_many_bits,
        adaptive_filters_of_smooth_pictures,
        the_smallest_of_version_9,
    )
}
"""By the vector's name."""
