"""From the fit's integers to unit payloads: weights, grids, digests.

Everything that the decoder derives (contexts, tables) is derived here by the decoder's own code, on a backend that
is exact, so what is written is what will be read.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch

from nvcodec.bitstream import (
    DigestPayload,
    GopHeader,
    ModelConfig,
    NetworkHeader,
    SegmentHeader,
    TensorCoding,
    UnitKey,
    UnitType,
    write_payload,
)
from nvcodec.decoder.gop import window_differences
from nvcodec.decoder.network_unit import base_tensors, level_tensors, weight_tables
from nvcodec.encoder.model import UNIT, ConvParameters, NetworkParameters
from nvcodec.encoder.run import Gop, GridCache
from nvcodec.entropy import SCALE_COUNT, SymbolEncoder, bits, encode_latents, frequencies
from nvcodec.entropy.latents import encode_residual, table_indices, wrap
from nvcodec.entropy.tables import PRECISION, SYMBOL_MIN
from nvcodec.synthesis import arithmetic, structure
from nvcodec.synthesis.arrays import Array
from nvcodec.synthesis.backend import Backend, make_backend
from nvcodec.synthesis.embedding import WindowWeightLimit, window_terms
from nvcodec.synthesis.grid_context import grid_parameters, sees_coarser
from nvcodec.synthesis.weights import AccumulatorBound, ConvWeights, LevelWeights, check_bound

Payload = tuple[UnitKey, bytes]

Packed = tuple[list[Payload], dict[str, float]]
"""Units in file order, and the cross-entropy in bits of the GOP units' symbols, by part."""


@dataclass
class SegmentIntegers:
    """All integers of a segment: weights by level, window weights by level, grids by GoP and level."""

    weights: dict[int, LevelWeights]
    bias_shifts: dict[tuple[int, str], int]
    window: dict[int, Array]
    temporal: list[dict[int, Array]]
    background: list[dict[int, Array]]


def layer_integers(parameters: ConvParameters, where: str) -> tuple[ConvWeights, int]:
    """A layer's integers and its bias shift; the shift is lowered while the accumulator bound is broken."""
    name = parameters.layer.name
    while True:
        with torch.no_grad():
            weight = parameters.integer_weight().cpu().numpy().astype(np.int64)
            bias_shift = int(parameters.bias_shift)
            bias = parameters.integer_bias().cpu().numpy().astype(np.int64) << bias_shift
        layer = ConvWeights(weight, bias, int(parameters.shift))
        try:
            check_bound(where, name, layer)
            return layer, bias_shift
        except AccumulatorBound:
            if layer.shift == 0:
                raise
            parameters.shift -= 1
            parameters.bias_shift.copy_((parameters.bias_shift - 1).clamp_min(0))


def export_weights(network: NetworkParameters) -> tuple[dict[int, LevelWeights], dict[tuple[int, str], int]]:
    """A network's weights and steps by level, and bias shifts. Raises AccumulatorBound where no shift satisfies it."""
    config, weights, bias_shifts = network.config, {}, {}
    for level in range(len(config.levels)):
        layers = {}
        for parameters in network.layers_of(level):
            name = parameters.layer.name
            layers[name], bias_shifts[level, name] = layer_integers(parameters, f"level {level}")
        weights[level] = LevelWeights(layers)
        if config.levels[level].grid_channels:
            weights[level].step = _integer_steps(network, level, gop=False)
            if config.levels[level].gop_grid_flag:
                weights[level].gop_step = _integer_steps(network, level, gop=True)
    return weights, bias_shifts


def export_integers(network: NetworkParameters, cache: GridCache, gops: list[Gop]) -> SegmentIntegers:
    """The quantised network and grids. Raises AccumulatorBound where no shift satisfies it."""
    config, window = network.config, {}
    weights, bias_shifts = export_weights(network)
    for level in range(len(config.levels)):
        if config.levels[level].window_flag:
            window[level] = _integer_window(network, level, gops)
    return SegmentIntegers(
        weights,
        bias_shifts,
        window,
        [{level: grids.cpu().numpy() for level, grids in gop.items()} for gop in cache.temporal],
        [{level: grid.cpu().numpy() for level, grid in gop.items()} for gop in cache.background],
    )


def _integer_steps(network: NetworkParameters, level: int, gop: bool) -> Array:
    with torch.no_grad():
        return (network.steps(level, True, gop) * UNIT).round().cpu().numpy().astype(np.int64)


def _integer_window(network: NetworkParameters, level: int, gops: list[Gop]) -> Array:
    """(pictures, window_length) weights over 64; a picture whose weights break the limit is scaled to keep it."""
    one = 1 << arithmetic.WINDOW_FRACTION_BITS
    with torch.no_grad():
        weights = (network.window_weights(level, True) * one).round().cpu().numpy().astype(np.int64)
    stride = network.config.levels[level].temporal_stride_log2
    for gop in gops:
        for picture in range(gop.length):
            row = weights[gop.first + picture]
            row[gop.length - picture :] = 0
            while True:
                try:
                    window_terms(picture, gop.length, stride, row, "")
                    break
                except WindowWeightLimit:
                    row[:] = row * 3 // 4
    return weights


@cache
def _tensor_costs() -> Array:
    """(SCALE_COUNT, 256) bits of each symbol under each scale's table, mean zero."""
    zero = np.zeros((), np.int32)
    rows = [frequencies(int(table_indices(zero, scale))) for scale in range(SCALE_COUNT)]
    return PRECISION - np.log2(np.stack(rows).astype(np.float64))


def best_scale(symbols: Array) -> int:
    """The scale index whose table codes the symbols (mean zero) in the fewest bits."""
    histogram = np.bincount(symbols.ravel() - SYMBOL_MIN, minlength=256)
    return int((_tensor_costs() @ histogram).argmin())


def pack_network(
    weights: LevelWeights,
    bias_shifts: dict[tuple[int, str], int],
    config: ModelConfig,
    level: int,
    segment: int,
    chroma_format: str,
    number: int = 0,
) -> Payload:
    """A NETWORK unit; number: the network's in the segment."""
    encoder, codings = SymbolEncoder(), []
    base = base_tensors(config, level, chroma_format)
    for layer, part, shape in level_tensors(config, level, chroma_format):
        values = weights.layers[layer.name]
        shift = values.shift if part == "weight" else bias_shifts[level, layer.name]
        tensor = values.weight if part == "weight" else values.bias >> shift
        symbols = wrap(tensor - base[layer.name, part])
        scale = best_scale(symbols)
        codings.append(TensorCoding(scale, shift))
        encoder.push(symbols, weight_tables(shape, scale))
    header = NetworkHeader(
        config.levels[level],
        codings,
        [int(x) for x in weights.step.ravel()],
        [int(x) for x in weights.gop_step],
        config.step_rows,
        config.step_bits,
    )
    return UnitKey(UnitType.NETWORK, segment, number, level), write_payload(header, encoder.finish())


class GopPacker:
    """GOP units of one GoP: contexts by an exact backend, from the coarsest level to the finest."""

    def __init__(self, integers: SegmentIntegers, config: ModelConfig, backend: Backend, size: tuple[int, int]):
        self.integers, self.config, self.backend, self.size = integers, config, backend, size
        self.bits = {"window": 0.0, "gop grids": 0.0, "temporal grids": 0.0}
        """Cross-entropy of all symbols so far under the tables that code them."""

    def pack(self, segment: int, number: int, gop: Gop) -> list[Payload]:
        return [self._pack_level(segment, number, gop, level) for level in self.config.grid_levels]

    def _pack_level(self, segment: int, number: int, gop: Gop, level: int) -> Payload:
        own = self.config.levels[level]
        encoder = SymbolEncoder()
        header = GopHeader(gop.length, own.window_flag)
        if own.window_flag:
            differences = window_differences(self.integers.window[level][gop.first : gop.first + gop.length])
            header.window_scale_index = best_scale(differences)
            tables = weight_tables(differences.shape, header.window_scale_index)
            encoder.push(differences, tables)
            self.bits["window"] += bits(differences, tables)
        if own.gop_grid_flag:
            below = self.integers.background[number].get(level + 1)
            self._push(encoder, level, self.integers.background[number][level], None, below, arithmetic.KIND_GOP)
        grids = self.integers.temporal[number]
        previous = None
        for grid, values in enumerate(grids[level]):
            coarser = None
            if sees_coarser(self.config, level):
                coarser = grids[level + 1][structure.coarser_grid(self.config, level, grid, gop.length)]
            kind = arithmetic.KIND_NEXT if grid else arithmetic.KIND_FIRST
            self._push(encoder, level, values, previous, coarser, kind)
            previous = values
        return UnitKey(UnitType.GOP, segment, number, level), write_payload(header, encoder.finish())

    def _push(
        self,
        encoder: SymbolEncoder,
        level: int,
        values: Array,
        previous: Array | None,
        coarser: Array | None,
        kind: int,
    ) -> None:
        before, below = (None if x is None else x[None] for x in (previous, coarser))
        mean8, scale = grid_parameters(self.backend, self.config, level, self.size, before, below, kind)
        latents = values[None].astype(np.int32)
        encode_latents(encoder, latents, mean8, scale)
        part = "gop grids" if kind == arithmetic.KIND_GOP else "temporal grids"
        self.bits[part] += bits(encode_residual(latents, mean8), table_indices(mean8, scale))


def pack_segment_header(segment: int, first_picture: int, gops: list[Gop], motion: bool = False) -> Payload:
    """A SEGMENT unit."""
    lengths, opened = [gop.length for gop in gops], [gop.open for gop in gops] if motion else []
    header = SegmentHeader(first_picture, sum(lengths), lengths, motion, opened)
    return UnitKey(UnitType.SEGMENT, segment), write_payload(header)


def pack_segment(
    integers: SegmentIntegers,
    config: ModelConfig,
    gops: list[Gop],
    segment: int,
    first_picture: int,
    size: tuple[int, int],
    chroma_format: str,
    threads: int = 0,
) -> Packed:
    """All units of a segment but the digests: SEGMENT, NETWORK from coarse to fine, GOP units by GoP and level."""
    payloads: list[Payload] = [pack_segment_header(segment, first_picture, gops)]
    for level in reversed(range(len(config.levels))):
        own = integers.weights[level]
        payloads.append(pack_network(own, integers.bias_shifts, config, level, segment, chroma_format))
    backend = make_backend("onnxruntime", config, integers.weights, *size, chroma_format, threads=threads)
    packer = GopPacker(integers, config, backend, size)
    for number, gop in enumerate(gops):
        payloads += packer.pack(segment, number, gop)
    return payloads, packer.bits


def pack_digests(segment: int, gop: int, digests: dict[int, list[bytes]]) -> Payload:
    """A DIGEST unit; digests by scale 0..3, in display order."""
    count, size = len(digests[0]), len(digests[0][0])
    return UnitKey(UnitType.DIGEST, segment, gop), write_payload(DigestPayload(count, size, digests))
