"""From a fit of the motion profile to unit payloads: two networks, vectors, latents.

As in `pack`, everything that the decoder derives is derived by the decoder's own code, on an exact backend.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nvcodec.bitstream import LatentHeader, ModelConfig, MotionHeader, UnitKey, UnitType, write_payload
from nvcodec.decoder.motion import Network, has_latents, latent_levels, network_number, step_row
from nvcodec.encoder.model import NetworkParameters
from nvcodec.encoder.pack import Packed, Payload, export_weights, pack_network, pack_segment_header
from nvcodec.encoder.run import Gop
from nvcodec.encoder.sequence_motion import CodedMotion
from nvcodec.encoder.splits import SplitCounts, encode_splits
from nvcodec.encoder.vector_field import charged_scale_index, choose_scale_index, encode_differences, symbol_counts
from nvcodec.entropy import SymbolEncoder, bits, encode_latents
from nvcodec.entropy.latents import encode_residual, table_indices
from nvcodec.synthesis.arrays import Array
from nvcodec.synthesis.backend import make_backend
from nvcodec.synthesis.grid_context import grid_parameters, passes
from nvcodec.synthesis.structure import CodedPicture, hierarchical_order

PARTS = ("intra latents", "anchor latents", "other latents")


def pack_motion(
    segment: int,
    gop: int,
    motion: dict[int, CodedMotion],
    order: Sequence[CodedPicture],
    size: tuple[int, int],
    *,
    hybrid: bool,
) -> Payload | None:
    """A GoP's MOTION unit; None where no picture has references."""
    coded = [motion[picture.index] for picture in order if picture.references]
    if not coded:
        return None
    differences = [
        (k, vectors - base)
        for one in coded
        for k, (vectors, base) in enumerate(zip(one.roots, one.base_fields, strict=True))
    ]
    counts = sum(symbol_counts(delta, k) for k, delta in differences)
    scale_index = charged_scale_index(counts) if hybrid else choose_scale_index(counts)[0]
    encoder = SymbolEncoder()
    splits = SplitCounts()
    for one in coded:
        for made in one.splits:
            splits.add(made, size)
    tables, split_scale = splits.tables(charged=True)
    for one in coded:
        for k, (root, base) in enumerate(zip(one.roots, one.base_fields, strict=True)):
            encode_differences(encoder, root - base, k, scale_index)
            if one.splits:
                encode_splits(encoder, one.splits[k], size, tables, split_scale)
    header = MotionHeader(
        tuple(len(one.bases) for one in coded),
        [one.block_log2 for one in coded],
        [one.bases for one in coded],
        [int(index) for index in scale_index],
        hybrid,
        [one.split_depth for one in coded],
        tables,
        split_scale,
    )
    return UnitKey(UnitType.MOTION, segment, gop), write_payload(header, encoder.finish())


class LatentPacker:
    """GOP units of the motion profile."""

    def __init__(self, networks: Sequence[Network], size: tuple[int, int]):
        self.networks, self.size = networks, size
        self.bits = dict.fromkeys(PARTS, 0.0)
        """Cross-entropy of all symbols so far under the tables that code them."""

    def pack(
        self, segment: int, gop: int, order: Sequence[CodedPicture], latents: dict[int, dict[int, Array]]
    ) -> list[Payload]:
        """latents: by picture of the GoP and level, (1, L, h, w) integers."""
        levels = latent_levels([network.config for network in self.networks], order)
        return [self._pack_level(segment, gop, level, order, latents) for level in levels]

    def _pack_level(
        self,
        segment: int,
        gop: int,
        level: int,
        order: Sequence[CodedPicture],
        latents: dict[int, dict[int, Array]],
    ) -> Payload:
        encoder, coded = SymbolEncoder(), []
        for picture in order:
            network = self.networks[network_number(picture, len(self.networks))]
            if not has_latents(network.config, level):
                continue
            values = latents[picture.index][level].astype(np.int32)
            coded.append(bool(values.any()))
            if not coded[-1]:
                continue
            coarser = latents[picture.index].get(level + 1)
            row = step_row(network.config, picture)
            known, part = None, PARTS[0 if not picture.references else 1 if picture.depth == 0 else 2]
            for mask in passes(network.config, *values.shape[2:]):
                mean8, scale = (
                    x[..., mask]
                    for x in grid_parameters(network.backend, network.config, level, self.size, known, coarser, row)
                )
                encode_latents(encoder, values[..., mask], mean8, scale)
                self.bits[part] += bits(encode_residual(values[..., mask], mean8), table_indices(mean8, scale))
                known = values * mask
        return UnitKey(UnitType.GOP, segment, gop, level), write_payload(
            LatentHeader(len(coded), coded), encoder.finish()
        )


def pack_motion_segment(
    networks: Sequence[NetworkParameters],
    configs: Sequence[ModelConfig],
    latents: Sequence[dict[int, Array]],
    motion: Sequence[dict[int, CodedMotion]],
    gops: Sequence[Gop],
    segment: int,
    first_picture: int,
    size: tuple[int, int],
    chroma_format: str,
    threads: int = 0,
) -> Packed:
    """All units of a segment but the digests; latents: by picture of the segment and level."""
    payloads: list[Payload] = [pack_segment_header(segment, first_picture, list(gops), motion=True)]
    ready: list[Network] = []
    for number, (network, config) in enumerate(zip(networks, configs, strict=True)):
        weights, bias_shifts = export_weights(network)
        for level in reversed(range(len(config.levels))):
            payloads.append(pack_network(weights[level], bias_shifts, config, level, segment, chroma_format, number))
        backend = make_backend("onnxruntime", config, weights, *size, chroma_format, threads=threads)
        ready.append(Network(config, weights, backend))
    packer = LatentPacker(ready, size)
    vector_bytes = 0
    for number, gop in enumerate(gops):
        order = hierarchical_order(gop.length, gop.open)
        vectors = pack_motion(segment, number, motion[number], order, size, hybrid=False)
        if vectors is not None:
            payloads.append(vectors)
            vector_bytes += len(vectors[1])
        own = {index: latents[gop.first + index] for index in range(gop.length)}
        payloads += packer.pack(segment, number, order, own)
    return payloads, {**packer.bits, "vectors": 8.0 * vector_bytes}
