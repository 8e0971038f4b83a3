"""From a segment of the hybrid profile to unit payloads: tables, vectors, residuals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import torch

from nvcodec.bitstream import BandHeader, PicturesHeader, TablesHeader, UnitKey, UnitType, write_payload
from nvcodec.bitstream.default_tables import DEFAULT_TABLES
from nvcodec.bitstream.filters import Filter
from nvcodec.bitstream.residual_headers import COARSEST_RESIDUAL, DEFAULT_INTRA, RESIDUAL_LEVELS, Tables
from nvcodec.decoder.residual import plane_kind, table_set
from nvcodec.encoder.choices import encode_choices
from nvcodec.encoder.intra import encode_intra
from nvcodec.encoder.model import NetworkParameters
from nvcodec.encoder.motion_pack import pack_motion
from nvcodec.encoder.pack import Packed, Payload, export_weights, pack_network, pack_segment_header
from nvcodec.encoder.residual import encode_band
from nvcodec.encoder.run import Gop
from nvcodec.encoder.sequence_motion import CodedMotion
from nvcodec.entropy import SymbolEncoder
from nvcodec.synthesis.arrays import Array
from nvcodec.synthesis.coefficients import band
from nvcodec.synthesis.structure import CodedPicture, hierarchical_order
from nvcodec.synthesis.transform import block_shape
from nvcodec.video.frame import VideoFormat

PARTS = ("intra residuals", "anchor residuals", "other residuals")


@dataclass
class CodedPictures:
    """Of a segment's pictures, in coding order."""

    qp: list[int]
    levels: list[list[Array | None]]
    """By plane: (64, blocks) int8, None where all are zero."""
    network: list[bool]
    """Whether the network improves it."""
    choices: list[tuple[int, Array | None]]
    """log2 of the blocks' size and their choices, int8; (0, None) where all take the mean."""
    intra: list[tuple[int, Array | None]]
    """log2 of the blocks' size and whether each is intra, bool; (0, None) where none are."""
    deblocked: list[bool]
    filter_index: list[int]
    """0: not filtered adaptively; 1: by the default filter; 2 or more: by one of the segment's own."""
    filter_whole: list[bool]
    """Whether all blocks are filtered, not only those with coefficients."""

    @classmethod
    def blank(cls, count: int) -> CodedPictures:
        """Of so many pictures, nothing."""
        nothing: tuple[int, Array | None] = (0, None)
        flags = [[False] * count for _ in range(3)]
        levels: list[list[Array | None]] = [[] for _ in range(count)]
        return cls([0] * count, levels, flags[0], [nothing] * count, [nothing] * count, flags[1], [0] * count, flags[2])

    def state(self) -> dict[str, Any]:
        """Tensors and plain values, for a checkpoint."""
        levels = [[None if x is None else torch.from_numpy(x) for x in own] for own in self.levels]
        sized = {
            name: [[log2, None if x is None else torch.from_numpy(x)] for log2, x in given]
            for name, given in (("choices", self.choices), ("intra", self.intra))
        }
        flags = {name: list(getattr(self, name)) for name in ("network", "deblocked", "filter_whole")}
        return {"qp": list(self.qp), "levels": levels, "filter_index": list(self.filter_index), **flags, **sized}

    @classmethod
    def loaded(cls, state: dict[str, Any]) -> CodedPictures:
        """The inverse of `state`."""
        levels = [[None if x is None else x.numpy() for x in own] for own in state["levels"]]
        choices, intra = (
            [(log2, None if x is None else x.numpy()) for log2, x in state[name]] for name in ("choices", "intra")
        )
        network, deblocked, *filters = (
            list(state[name]) for name in ("network", "deblocked", "filter_index", "filter_whole")
        )
        return cls(list(state["qp"]), levels, network, choices, intra, deblocked, *filters)

    def part(self, first: int, end: int) -> CodedPictures:
        """Of pictures first .. end - 1 of the coding order."""
        return CodedPictures(*(getattr(self, each.name)[first:end] for each in fields(self)))

    def has_residual(self, place: int) -> bool:
        """Whether a picture has any coefficient that is not zero."""
        return any(levels is not None for levels in self.levels[place])


def pack_residuals(
    segment: int,
    gop: int,
    order: Sequence[CodedPicture],
    coded: CodedPictures,
    blocks: Sequence[tuple[int, int]],
    tables: Tables,
    header: TablesHeader,
) -> list[Payload]:
    """A GoP's RESIDUAL units.

    coded: of the GoP's pictures alone; blocks: of each plane; tables: of coefficients, of both kinds of planes; header:
    of the segment's TABLES unit.
    """
    present = [i for i in range(len(order)) if coded.has_residual(i)]
    payloads: list[Payload] = []
    units: dict[int, tuple[list[list[bool]], bytes]] = {}
    for level in reversed(range(RESIDUAL_LEVELS)):
        encoder, flags = SymbolEncoder(), []
        for i in range(len(order)):
            chosen = coded.choices[i][1]
            if level == COARSEST_RESIDUAL and chosen is not None:
                encode_choices(encoder, chosen, header.choice)
            apart = coded.intra[i][1]
            if level == COARSEST_RESIDUAL and apart is not None:
                encode_intra(encoder, apart, header.intra)
            if i not in present:
                continue
            own = tables[table_set(order[i])]
            flags.append([])
            for plane, levels in enumerate(coded.levels[i]):
                flags[-1].append(levels is not None and bool(levels[band(level)].any()))
                if levels is not None and flags[-1][-1]:
                    table = own[plane_kind(plane)][level]
                    encode_band(encoder, level, blocks[plane], levels.astype(np.int32), table)
        if level == COARSEST_RESIDUAL or any(any(row) for row in flags):
            units[level] = (flags, encoder.finish())
    pictures = replace(
        PicturesHeader.blank(tuple(len(picture.references) for picture in order), len(blocks), header),
        choice_log2=[log2 for log2, _ in coded.choices],
        intra_log2=[log2 for log2, _ in coded.intra],
        network=list(coded.network),
        residual=[coded.has_residual(i) for i in range(len(order))],
        deblocked=list(coded.deblocked),
        filter_index=list(coded.filter_index),
        filter_whole=list(coded.filter_whole),
        qp=list(coded.qp),
        residual_levels=[level for level in units if level < COARSEST_RESIDUAL],
        coded=units[COARSEST_RESIDUAL][0],
    )
    payloads.append((_key(segment, gop, COARSEST_RESIDUAL), write_payload(pictures, units[COARSEST_RESIDUAL][1])))
    for level in pictures.residual_levels:
        flags, words = units[level]
        band_header = BandHeader(len(present), len(blocks), flags)
        payloads.append((_key(segment, gop, level), write_payload(band_header, words)))
    return payloads


def _key(segment: int, gop: int, level: int) -> UnitKey:
    return UnitKey(UnitType.RESIDUAL, segment, gop, level)


def pack_hybrid_segment(
    coded: CodedPictures,
    tables: Tables,
    motion: Sequence[dict[int, CodedMotion]],
    gops: Sequence[Gop],
    segment: int,
    first_picture: int,
    video: VideoFormat,
    choice: Sequence[int],
    network: NetworkParameters | None = None,
    intra: Sequence[int] = DEFAULT_INTRA,
    filters: Sequence[Filter] = (),
) -> Packed:
    """All units of a segment but the digests; choice, intra: tables; network: left out where no picture uses it, and so
    are adaptive filters."""
    present = network is not None and any(coded.network)
    kinds = min(len(video.plane_shapes), 2)
    cut = tuple(own[:kinds] for own in tables)
    payloads: list[Payload] = [pack_segment_header(segment, first_picture, list(gops), motion=True)]
    apart = any(given is not None for _, given in coded.intra)
    header = TablesHeader(
        kinds,
        DEFAULT_TABLES,
        present,
        cut,
        tuple(choice),
        apart,
        tuple(intra) if apart else DEFAULT_INTRA,
        any(coded.deblocked),
        any(coded.filter_index),
        tuple(filters) if any(coded.filter_index) else (),
    )
    payloads.append((UnitKey(UnitType.TABLES, segment), write_payload(header)))
    if network is not None and present:
        weights, bias_shifts = export_weights(network)
        config = network.config
        for level in reversed(range(len(config.levels))):
            payloads.append(pack_network(weights[level], bias_shifts, config, level, segment, video.chroma_format))
    blocks = [block_shape(*shape) for shape in video.plane_shapes]
    sizes = {"residuals": 0.0, "vectors": 0.0}
    place = 0
    for number, gop in enumerate(gops):
        order = hierarchical_order(gop.length, gop.open)
        vectors = pack_motion(segment, number, motion[number], order, (video.height, video.width), hybrid=True)
        if vectors is not None:
            payloads.append(vectors)
            sizes["vectors"] += 8.0 * len(vectors[1])
        own = coded.part(place, place + len(order))
        place += len(order)
        made = pack_residuals(segment, number, order, own, blocks, tables, header)
        payloads += made
        sizes["residuals"] += sum(8.0 * len(payload) for _, payload in made)
    return payloads, sizes
