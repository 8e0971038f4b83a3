"""How a quantised latent becomes a symbol, given its predicted mean and scale.

The mean comes in eighths of a latent unit. Its nearest integer is subtracted; what is left, -4..3 eighths, picks the
table's phase, mirrored when negative so that five phases serve all eight. Residuals wrap modulo 256, hence every
latent of -128..127 can be coded whatever its mean.
"""

import numpy as np
import numpy.typing as npt

from nvcodec.entropy.coder import SymbolDecoder, SymbolEncoder
from nvcodec.entropy.errors import TableOutOfRange
from nvcodec.entropy.tables import PHASE_COUNT, SCALE_COUNT, SYMBOL_COUNT, SYMBOL_MIN

IntArray = npt.NDArray[np.integer]


def wrap(values: IntArray) -> IntArray:
    """Integers to -128..127, modulo 256."""
    return ((values - SYMBOL_MIN) & (SYMBOL_COUNT - 1)) + SYMBOL_MIN


def split_mean(mean8: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    """(integer part r, sign 1 or -1, phase 0..4) of means in eighths: mean8 = 8 * r + sign * phase.

    r = floor((mean8 + 4) / 8), so a mean half-way between two integers takes the upper one.
    Source: bitstream_spec.md, section 7.2.
    """
    integer = (mean8 + 4) >> 3
    offset = mean8 - 8 * integer  # -4..3
    return integer, np.where(offset < 0, -1, 1).astype(offset.dtype), np.abs(offset)


def table_indices(mean8: IntArray, scale_index: IntArray | int) -> IntArray:
    """The table of each latent from its mean (eighths) and scale index (0..39); the two broadcast.

    Raises TableOutOfRange.
    """
    _, _, phase = split_mean(mean8)
    return _tables(scale_index, phase)


def _tables(scale_index: IntArray | int, phase: IntArray) -> IntArray:
    scales = np.asarray(scale_index)
    # behind the tables of these scales come those of two symbols
    if scales.size and not (scales.min() >= 0 and scales.max() < SCALE_COUNT):
        raise TableOutOfRange(f"scale indices {scales.min()} to {scales.max()}: must be 0 to {SCALE_COUNT - 1}")
    return PHASE_COUNT * scales + phase


def encode_residual(q: IntArray, mean8: IntArray) -> IntArray:
    """Latents q (-128..127) to symbols: wrap(sign * (q - r))."""
    integer, sign, _ = split_mean(mean8)
    return wrap(sign * (q - integer))


def decode_residual(k: IntArray, mean8: IntArray) -> IntArray:
    """Symbols to latents (-128..127): wrap(r + sign * k)."""
    integer, sign, _ = split_mean(mean8)
    return wrap(integer + sign * k)


def encode_latents(encoder: SymbolEncoder, q: IntArray, mean8: IntArray, scale_index: IntArray | int) -> None:
    """Push latents under their predicted means (eighths, the shape of q) and scale indices (broadcast)."""
    encoder.push(encode_residual(q, mean8), table_indices(mean8, scale_index))


def decode_latents(decoder: SymbolDecoder, mean8: IntArray, scale_index: IntArray | int) -> IntArray:
    """The next latents, in the shape of mean8: the inverse of `encode_latents`."""
    integer, sign, phase = split_mean(mean8)
    symbols = decoder.decode(_tables(scale_index, phase))
    return wrap(integer + sign * symbols)
