"""Entropy coding: the specification's probability tables, and ANS over them. Needs numpy and constriction only."""

from nvcodec.entropy.coder import SymbolDecoder, SymbolEncoder
from nvcodec.entropy.latents import decode_latents, encode_latents
from nvcodec.entropy.tables import LAPLACE_COUNT, PHASE_COUNT, PRECISION, SCALE_COUNT, TABLE_COUNT, bits, frequencies

__all__ = [
    "LAPLACE_COUNT",
    "PHASE_COUNT",
    "PRECISION",
    "SCALE_COUNT",
    "TABLE_COUNT",
    "SymbolDecoder",
    "SymbolEncoder",
    "bits",
    "decode_latents",
    "encode_latents",
    "frequencies",
]
