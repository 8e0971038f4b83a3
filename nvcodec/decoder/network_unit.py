"""A NETWORK unit's payload to a level's integers; the order of its tensors, for the encoder too.

Source: bitstream_spec.md, section 5.3.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nvcodec.bitstream import ModelConfig, NetworkHeader, Unit, read_coded_payload
from nvcodec.decoder.errors import DecodeError
from nvcodec.entropy import SymbolDecoder
from nvcodec.entropy.errors import EntropyError
from nvcodec.entropy.latents import table_indices, wrap
from nvcodec.synthesis.arrays import Array
from nvcodec.synthesis.layers import ConvLayer, level_layers
from nvcodec.synthesis.weights import AccumulatorBound, ConvWeights, LevelWeights, check_bound


def level_tensors(
    config: ModelConfig, level: int, chroma_format: str
) -> Iterator[tuple[ConvLayer, str, tuple[int, ...]]]:
    """(layer, "weight" or "bias", shape) of every tensor of a level, in coding order."""
    for layer in level_layers(config, level, chroma_format):
        yield layer, "weight", layer.weight_shape
        yield layer, "bias", layer.bias_shape


def weight_tables(shape: tuple[int, ...], scale_index: int) -> Array:
    """The table of each symbol of a tensor: mean zero, the tensor's scale."""
    return np.full(shape, table_indices(np.zeros((), np.int32), scale_index))


def base_weights(base_model: int, shape: tuple[int, ...]) -> Array:
    """What a tensor's symbols are differences from: base model 0 is all zeros, and the reader admits no other."""
    assert base_model == 0
    return np.zeros(shape, np.int64)


def decode_network(unit: Unit, config: ModelConfig, level: int, chroma_format: str) -> LevelWeights:
    """Raises BitstreamError, DecodeError (entropy coding, accumulator bound)."""
    tensors = list(level_tensors(config, level, chroma_format))
    blank = NetworkHeader.blank(config, level, len(tensors))
    header, words = read_coded_payload(blank, unit.payload, unit.place)
    values: dict[tuple[str, str], Array] = {}
    shifts: dict[tuple[str, str], int] = {}
    try:
        decoder = SymbolDecoder(words)
        for (layer, part, shape), coding in zip(tensors, header.tensors, strict=True):
            symbols = decoder.decode(weight_tables(shape, coding.scale_index)).astype(np.int64)
            values[layer.name, part] = wrap(symbols + base_weights(config.base_model, shape))
            shifts[layer.name, part] = coding.shift
        decoder.finish()
        layers = {}
        for layer in level_layers(config, level, chroma_format):
            bias = values[layer.name, "bias"] << shifts[layer.name, "bias"]
            weights = ConvWeights(values[layer.name, "weight"], bias, shifts[layer.name, "weight"])
            check_bound(str(unit.key), layer.name, weights)
            layers[layer.name] = weights
    except (EntropyError, AccumulatorBound) as error:
        raise DecodeError(f"{unit.place.at(0)}: {error}") from error
    return LevelWeights(layers, np.array(header.step, np.int64), np.array(header.gop_step, np.int64))
