"""Makes tests/robustness/corpus/: the smallest streams that have a bit of everything, for fuzzing and damage trials.

Their networks, latents, vectors and residuals are random, no fit made them, so they are made in a second. They have
digests. The files are committed, and made anew only when the format changes: python -m tests.robustness.make_corpus
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import cycle
from pathlib import Path

import numpy as np

from nvcodec.bitstream import (
    INTER,
    INTRA,
    ContainerReader,
    DigestPayload,
    LevelConfig,
    ModelConfig,
    UnitKey,
    UnitType,
    write_payload,
)
from nvcodec.bitstream.filters import DEFAULT_FILTER
from nvcodec.bitstream.residual_headers import DEFAULT_INTRA
from nvcodec.bitstream.versions import VERSION_MINOR
from nvcodec.decoder import Decoder
from nvcodec.decoder.decoder import SCALES, picture_digest
from nvcodec.encoder.run import Gop
from tests.conformance.assembly import assemble, hybrid_units
from tests.conformance.assembly import with_digests as with_scale_digests
from tests.conformance.wild_residual import Odds, Plan
from tests.conformance.wild_splits import Wildness
from tests.streams import (
    random_integers,
    random_motion_integers,
    video_format,
    write_file,
    write_motion_stream,
    write_stream,
)

CORPUS = Path(__file__).parent / "corpus"

GRID_MODEL = ModelConfig(
    levels=(
        LevelConfig(features=1),
        LevelConfig(features=1, grid_channels=1, temporal_stride_log2=1),
        LevelConfig(features=2, branch=1),
        LevelConfig(features=1, grid_channels=1, gop_grid_flag=True, context_hidden=1),
        LevelConfig(features=2, grid_channels=1, gop_grid_flag=True, window_flag=True),
    ),
    window_length=2,
    picture_skip_flag=True,
    context_previous_flag=True,
    context_coarser_flag=True,
)
INTRA_MODEL = ModelConfig(
    levels=(
        LevelConfig(features=1),
        LevelConfig(features=1, grid_channels=1),
        LevelConfig(features=1, branch=1),
        LevelConfig(features=1, grid_channels=1, context_hidden=1),
        LevelConfig(features=2, grid_channels=1),
    ),
    context_coarser_flag=True,
    context_neighbours_flag=True,
    role=INTRA,
)
INTER_MODEL = ModelConfig(
    levels=(
        LevelConfig(features=1),
        LevelConfig(features=1),
        LevelConfig(features=1, grid_channels=1),
        LevelConfig(features=1, grid_channels=1),
        LevelConfig(features=1, grid_channels=1),
    ),
    picture_skip_flag=True,
    context_coarser_flag=True,
    context_neighbours_flag=True,
    step_rows=3,
    role=INTER,
)


def with_digests(data: bytes) -> bytes:
    """The stream with a DIGEST unit for each GoP, at all scales, where the encoder writes them."""
    with ContainerReader(data) as container:
        units = [(e.key, container.payload(e.key)) for e in container.entries if e.key.unit_type != UnitType.INDEX]
    pictures = []
    for scale in SCALES:
        with Decoder(data, scale=scale, backend="numpy", threads=1) as decoder:
            gops, frames = decoder.gops, [picture_digest(frame.planes, 2) for frame in decoder]
        pictures.append(frames)
    for place in gops:
        span = slice(place.first, place.first + place.length)
        digests = {scale: frames[span] for scale, frames in enumerate(pictures)}
        key = UnitKey(UnitType.DIGEST, place.segment, place.gop)
        last = max(i for i, (met, _) in enumerate(units) if met.unit_type == UnitType.GOP and met.gop == place.gop)
        units.insert(last + 1, (key, write_payload(DigestPayload(place.length, 2, digests))))
    return write_file(units)


GRID_GOPS = (Gop(0, 3), Gop(3, 2))


def grid_stream(
    model: ModelConfig = GRID_MODEL, chroma_format: str = "400", bit_depth: int = 8, gops: Sequence[Gop] = GRID_GOPS
) -> bytes:
    """By default GoPs of 3 and 2 pictures; 18x16."""
    video, gops = video_format(chroma_format, bit_depth, 18, 16), list(gops)
    integers = random_integers(model, video, gops, np.random.default_rng(1))
    return with_digests(write_stream(model, video, gops, integers))


MOTION_GOPS = (Gop(0, 1), Gop(1, 3, open=True), Gop(4, 2, open=True), Gop(6, 3))


def motion_stream(
    chroma_format: str = "400",
    bit_depth: int = 8,
    gops: Sequence[Gop] = MOTION_GOPS,
    models: tuple[ModelConfig, ModelConfig] = (INTRA_MODEL, INTER_MODEL),
) -> bytes:
    """By default a closed GoP of one picture, open ones of 3 and 2, a closed one of 3; 18x16."""
    video, gops = video_format(chroma_format, bit_depth, 18, 16), list(gops)
    integers = random_motion_integers(models, video, gops, np.random.default_rng(2))
    return with_digests(write_motion_stream(models, video, gops, integers))


def hybrid_stream() -> bytes:
    """A closed GoP of one picture and an open one of 3; 34x24, no network; vectors of all kinds, blocks split, intra,
    deblocked, filtered adaptively."""
    plans = cycle(
        (
            Plan(qp=30, deblocked=True, filter_index=1),
            Plan(qp=24, intra_log2=4, filter_index=2, filter_whole=True),
            Plan(residual=False, choice_log2=4),
            Plan(qp=26, choice_log2=3, intra_log2=3, deblocked=True),
        )
    )
    motion = Wildness(spreads=(1, 3), kinds=((5, 2), (4, None), (4, 1)), custom=0.1)
    odds = Odds(flag=0.2, significant=0.2)
    segments = [[Gop(0, 1), Gop(1, 3, open=True)]]
    video = video_format("400", 8, 34, 24)
    own = tuple(tuple(x + 3 * (c == 7) for x in row) for c, row in enumerate(DEFAULT_FILTER))
    units = hybrid_units(
        video,
        segments,
        4,
        lambda _: next(plans),
        motion=motion,
        odds=odds,
        intra=lambda segment: DEFAULT_INTRA,
        deblocking=lambda segment: True,
        filters=lambda segment: (own,),
        version_minor=VERSION_MINOR,
    )
    return assemble(with_scale_digests(units, 2, version_minor=VERSION_MINOR), version_minor=VERSION_MINOR)


def main() -> None:
    """Write all of them."""
    independent = replace(GRID_MODEL, context_coarser_flag=False, context_previous_flag=False)
    streams = {
        "grid": grid_stream(),
        "grid_smallest": grid_stream(ModelConfig(), gops=[Gop(0, 1)]),
        "grid_independent_levels": grid_stream(independent, "420", 10),
        "hybrid": hybrid_stream(),
        "motion": motion_stream(),
        "motion_smallest": motion_stream(gops=[Gop(0, 2)], models=(ModelConfig(role=INTRA), ModelConfig(role=INTER))),
        "motion_short": motion_stream(gops=(*MOTION_GOPS[:1], Gop(1, 2, open=True))),
        "motion_420": motion_stream("420", 12),
    }
    CORPUS.mkdir(exist_ok=True)
    for name, data in streams.items():
        (CORPUS / f"{name}.msn").write_bytes(data)
        print(f"{name}: {len(data)} bytes")


if __name__ == "__main__":
    main()
