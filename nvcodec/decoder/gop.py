"""The grids of one GoP, decoded as far as they are asked for, and the embeddings made of them.

Source: bitstream_spec.md, sections 5.4 and 6.3.
"""

from __future__ import annotations

import numpy as np

from nvcodec.bitstream import ContainerReader, GopHeader, ModelConfig, UnitKey, UnitType, read_coded_payload
from nvcodec.decoder.errors import DecodeError
from nvcodec.decoder.network_unit import weight_tables
from nvcodec.entropy import SymbolDecoder, decode_latents
from nvcodec.entropy.errors import EntropyError
from nvcodec.entropy.latents import wrap
from nvcodec.synthesis import arithmetic, structure
from nvcodec.synthesis.arrays import Array
from nvcodec.synthesis.backend import Backend
from nvcodec.synthesis.embedding import WindowWeightLimit, dequantise_background, embed, window_terms
from nvcodec.synthesis.grid_context import grid_parameters, grid_shape, sees_coarser
from nvcodec.synthesis.weights import LevelWeights


class GopLevel:
    """One GOP unit: its decoder's state, and the decoded grids that are still needed."""

    def __init__(self, place: str, header: GopHeader, decoder: SymbolDecoder, count: int):
        self.place, self.header, self.decoder, self.count = place, header, decoder, count
        self.window_weights: Array | None = None
        self.background: Array | None = None
        self.background_part: Array | None = None
        self.grids: dict[int, Array] = {}
        self.decoded = 0


class GopGrids:
    """Reads the units of levels 4 .. finest of a GoP and yields its pictures' embeddings in coding order.

    Grids are decoded one by one, a level's after the coarser level's of the same moment, and forgotten once no later
    picture or context needs them. lost: levels whose unit is not read, and whose embedding is zeros; no other level is
    coded in their context. Raises BitstreamError, DecodeError.
    """

    def __init__(
        self,
        container: ContainerReader,
        segment: int,
        gop: int,
        gop_length: int,
        config: ModelConfig,
        weights: dict[int, LevelWeights],
        backend: Backend,
        size: tuple[int, int],
        finest: int,
        lost: frozenset[int] = frozenset(),
    ):
        self.lost = lost
        self.config, self.weights, self.backend, self.size = config, weights, backend, size
        self.gop_length = gop_length
        self.levels: dict[int, GopLevel] = {}
        for level in config.grid_levels:
            if level >= finest and level not in lost:
                unit = container.unit(UnitKey(UnitType.GOP, segment, gop, level))
                own = config.levels[level]
                blank = GopHeader(gop_length, own.window_flag)
                header, words = read_coded_payload(blank, unit.payload, unit.place)
                count = structure.grid_count(gop_length, own.temporal_stride_log2)
                place = unit.place.at(0)
                try:
                    state = GopLevel(place, header, SymbolDecoder(words), count)
                    self._start(level, state)
                except EntropyError as error:
                    raise DecodeError(f"{place}: {error}") from error
                self.levels[level] = state

    def _start(self, level: int, state: GopLevel) -> None:
        """Window weights, then the GoP's grid."""
        own = self.config.levels[level]
        if own.window_flag:
            shape = (self.gop_length, self.config.window_length)
            differences = state.decoder.decode(weight_tables(shape, state.header.window_scale_index))
            state.window_weights = undo_window_differences(differences)
        if own.gop_grid_flag:
            below = self.levels.get(level + 1)
            coarser = below.background if below is not None else None
            state.background = self._decode_grid(level, state, None, coarser, arithmetic.KIND_GOP)
            state.background_part = dequantise_background(state.background, self.weights[level].gop_step)

    def _decode_grid(
        self, level: int, state: GopLevel, previous: Array | None, coarser: Array | None, kind: int
    ) -> Array:
        mean8, scale = grid_parameters(self.backend, self.config, level, self.size, previous, coarser, kind)
        return decode_latents(state.decoder, mean8, scale)

    def _advance(self, level: int, grid: int) -> None:
        """Decode a level's grids up to and including `grid`."""
        state = self.levels[level]
        while state.decoded <= grid:
            number, coarser = state.decoded, None
            if sees_coarser(self.config, level):
                wanted = structure.coarser_grid(self.config, level, number, self.gop_length)
                self._advance(level + 1, wanted)
                coarser = self.levels[level + 1].grids[wanted]
            kind = arithmetic.KIND_NEXT if number else arithmetic.KIND_FIRST
            try:
                state.grids[number] = self._decode_grid(level, state, state.grids.get(number - 1), coarser, kind)
                state.decoded += 1
                if state.decoded == state.count:
                    state.decoder.finish()
            except EntropyError as error:
                raise DecodeError(f"{state.place}: grid {number}: {error}") from error

    def embeddings(self, picture: structure.CodedPicture) -> dict[int, Array]:
        """{level: (1, L, h, w) float32 integers} of a picture; pictures come in ascending order."""
        result = {level: np.zeros(grid_shape(self.config, level, *self.size), np.float32) for level in self.lost}
        self._reach(picture.index)
        for level, state in self.levels.items():
            own = self.config.levels[level]
            weights = None if state.window_weights is None else state.window_weights[picture.index]
            try:
                terms = window_terms(picture.index, self.gop_length, own.temporal_stride_log2, weights, state.place)
            except WindowWeightLimit as error:
                raise DecodeError(str(error)) from error
            result[level] = embed(terms, state.grids, self.weights[level].step, state.background_part)
        self._forget(picture.index)
        return result

    def skip(self, picture: structure.CodedPicture) -> None:
        """Decode a picture's grids, which later ones' contexts need, without its embeddings."""
        self._reach(picture.index)
        self._forget(picture.index)

    def _reach(self, picture: int) -> None:
        for level in self.levels:
            self._advance(level, structure.last_grid(self.config, level, picture, self.gop_length))

    def _forget(self, picture: int) -> None:
        """Drop the grids that no later picture's embedding or context asks for."""
        for level, state in self.levels.items():
            first = picture >> self.config.levels[level].temporal_stride_log2
            last = state.decoded - 1  # the context of the next one
            state.grids = {number: grid for number, grid in state.grids.items() if number >= first or number == last}


def window_differences(weights: Array) -> Array:
    """(pictures, window_length) weights over 64 to symbols: a row minus the one before, the first minus (64, 0 ..)."""
    first = np.zeros((1, weights.shape[1]), weights.dtype)
    first[0, 0] = 1 << arithmetic.WINDOW_FRACTION_BITS
    return wrap(np.diff(weights, axis=0, prepend=first))


def undo_window_differences(differences: Array) -> Array:
    """The inverse of `window_differences`, modulo 256."""
    first = np.zeros((1, differences.shape[1]), differences.dtype)
    first[0, 0] = 1 << arithmetic.WINDOW_FRACTION_BITS
    return wrap(np.cumsum(np.concatenate([first, differences]), axis=0)[1:])
