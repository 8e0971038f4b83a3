"""Vectors and latents of one GoP of the motion profile, in coding order.

Source: bitstream_spec.md, sections 5.7 and 5.8.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nvcodec.bitstream import (
    ContainerReader,
    LatentHeader,
    ModelConfig,
    MotionHeader,
    UnitKey,
    UnitType,
    limits,
    read_coded_payload,
)
from nvcodec.bitstream.errors import LimitExceeded
from nvcodec.decoder.errors import DecodeError
from nvcodec.decoder.vector_field import SplitDecoder, decode_differences
from nvcodec.entropy import SymbolDecoder, decode_latents
from nvcodec.entropy.errors import EntropyError
from nvcodec.synthesis.arrays import Array
from nvcodec.synthesis.backend import Backend
from nvcodec.synthesis.grid_context import grid_parameters, grid_shape, passes
from nvcodec.synthesis.splits import walk_splits
from nvcodec.synthesis.structure import CodedPicture
from nvcodec.synthesis.vector_base import PictureMotion, base_field
from nvcodec.synthesis.vectors import add_differences, field_shape
from nvcodec.synthesis.weights import LevelWeights


@dataclass(frozen=True)
class Network:
    """One of a segment's networks, ready to run."""

    config: ModelConfig
    weights: dict[int, LevelWeights]
    backend: Backend


def network_number(picture: CodedPicture, networks: int) -> int:
    """Of so many networks: 0 for pictures without references, 1 for the others; the only one where there is one."""
    return min(1 if picture.references else 0, networks - 1)


def decode_motion(
    container: ContainerReader,
    segment: int,
    gop: int,
    order: Sequence[CodedPicture],
    size: tuple[int, int],
    before: PictureMotion | None,
    *,
    hybrid: bool,
) -> dict[int, PictureMotion]:
    """The motion of a GoP's pictures by index, that of the anchor before included, if there is one.

    hybrid: whether the profile is. Raises BitstreamError, DecodeError.
    """
    known = {} if before is None else {before.picture.index: before}
    moving = [picture for picture in order if picture.references]
    if not moving:
        return known
    unit = container.unit(UnitKey(UnitType.MOTION, segment, gop))
    header, words = read_coded_payload(MotionHeader(reference_counts(order), hybrid=hybrid), unit.payload, unit.place)
    check_nodes(header, size, unit.place.at(0))
    try:
        decoder = SymbolDecoder(words)
        splits = SplitDecoder(decoder, header.split_tables, header.split_scale_index)
        parts = zip(moving, header.block_log2, header.split_depth, header.bases, strict=True)
        for picture, block_log2, depth, bases in parts:
            roots: list[Array] = []
            fields: list[Array] = []
            finest = block_log2 - (depth or 0)
            for k, base in enumerate(bases):
                start = base_field(base, picture, k, known, roots, block_log2, size)
                delta = decode_differences(decoder, field_shape(*size, block_log2), k, header.scale_index)
                roots.append(add_differences(start, delta))
                fields.append(walk_splits(roots[k], block_log2, finest, size, splits))
            known[picture.index] = PictureMotion(picture, finest, fields, depth is not None)
        decoder.finish()
    except EntropyError as error:
        raise DecodeError(f"{unit.place.at(0)}: {error}") from error
    return known


def check_nodes(header: MotionHeader, size: tuple[int, int], where: str) -> None:
    """Refuse a GoP whose vectors would take more memory than the cap. size: (height, width). Raises LimitExceeded."""
    shapes = (field_shape(*size, block_log2) for block_log2 in header.finest_log2)
    pairs = zip(shapes, header.reference_counts, strict=True)
    nodes = sum(rows * columns * references for (rows, columns), references in pairs)
    if nodes > limits.MAX_GOP_NODES:
        raise LimitExceeded(
            f"{where}: the vector fields have {nodes} nodes, allowed are at most {limits.MAX_GOP_NODES} in a GoP"
        )


class _LatentLevel:
    """One GOP unit: its decoder's state, and which pictures are coded."""

    def __init__(self, place: str, coded: list[bool], decoder: SymbolDecoder):
        self.place, self.coded, self.decoder, self.next = place, coded, decoder, 0


class GopLatents:
    """Reads the units of levels 4 .. finest of a GoP and yields its pictures' latents, in coding order.

    lost: levels whose unit is not read, and whose latents are zeros; no other level is coded in their context.
    Raises BitstreamError, DecodeError.
    """

    def __init__(
        self,
        container: ContainerReader,
        segment: int,
        gop: int,
        order: Sequence[CodedPicture],
        networks: Sequence[Network],
        size: tuple[int, int],
        finest: int,
        lost: frozenset[int] = frozenset(),
    ):
        self.networks, self.size, self.lost = networks, size, lost
        self.levels: dict[int, _LatentLevel] = {}
        configs = [network.config for network in networks]
        for level in latent_levels(configs, order):
            if level < finest or level in lost:
                continue
            unit = container.unit(UnitKey(UnitType.GOP, segment, gop, level))
            count = latent_pictures(configs, order, level)
            header, words = read_coded_payload(LatentHeader(count), unit.payload, unit.place)
            place = unit.place.at(0)
            try:
                self.levels[level] = _LatentLevel(place, header.coded, SymbolDecoder(words))
            except EntropyError as error:
                raise DecodeError(f"{place}: {error}") from error

    def latents(self, picture: CodedPicture) -> dict[int, Array]:
        """{level: (1, L, h, w) int32} of the next picture in coding order."""
        network = self.networks[network_number(picture, len(self.networks))]
        found = {level: self._zeros(network, level) for level in self.lost if has_latents(network.config, level)}
        for level, state in self.levels.items():
            if not has_latents(network.config, level):
                continue
            coded = state.coded[state.next]
            state.next += 1
            try:
                found[level] = (
                    self._decode(network, picture, level, state, found) if coded else self._zeros(network, level)
                )
                if state.next == len(state.coded):
                    state.decoder.finish()
            except EntropyError as error:
                raise DecodeError(f"{state.place}: picture {picture.index} of the GoP: {error}") from error
        return found

    def _zeros(self, network: Network, level: int) -> Array:
        return np.zeros(grid_shape(network.config, level, *self.size), np.int32)

    def _decode(
        self, network: Network, picture: CodedPicture, level: int, state: _LatentLevel, found: dict[int, Array]
    ) -> Array:
        config, row, coarser = network.config, step_row(network.config, picture), found.get(level + 1)
        latents = self._zeros(network, level)
        for number, mask in enumerate(passes(config, *latents.shape[2:])):
            known = latents if number else None
            mean8, scale = grid_parameters(network.backend, config, level, self.size, known, coarser, row)
            latents[..., mask] = decode_latents(state.decoder, mean8[..., mask], scale[..., mask])
        return latents


def reference_counts(order: Sequence[CodedPicture]) -> tuple[int, ...]:
    """Of a GoP's pictures with references, in coding order."""
    return tuple(len(picture.references) for picture in order if picture.references)


def has_latents(config: ModelConfig, level: int) -> bool:
    """Whether a network's pictures have latents of a level."""
    return config.levels[level].grid_channels > 0


def latent_levels(configs: Sequence[ModelConfig], order: Sequence[CodedPicture]) -> list[int]:
    """The levels that a GoP has units for, coarsest first."""
    used = {network_number(picture, len(configs)) for picture in order}
    return sorted({level for number in used for level in configs[number].grid_levels}, reverse=True)


def latent_pictures(configs: Sequence[ModelConfig], order: Sequence[CodedPicture], level: int) -> int:
    """How many of a GoP's pictures have latents of a level."""
    return sum(has_latents(configs[network_number(picture, len(configs))], level) for picture in order)


def step_row(config: ModelConfig, picture: CodedPicture) -> int:
    """The row of quantisation steps and context biases that a picture uses: the first for anchors, the last where no
    reference is further than 1, one less for each doubling of the distance. Source: bitstream_spec.md, section 4.4.2.
    """
    if picture.depth == 0 or config.step_rows == 1:
        return 0
    return max(1, config.step_rows - picture.distance.bit_length())
