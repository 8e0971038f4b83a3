"""A NETWORK unit's payload to a level's integers; the order of its tensors, for the encoder too.

A network's weights are differences from a base model. Number 0 is all zeros. Number 2 was fitted to made-up clips
(docs/decisions.md); it is an .msn file without pictures, base_models/2.msn, whose two networks are the bases of the
intra and the inter network. It is normative, as the probability tables are: its bytes never change.

Source: bitstream_spec.md, section 5.3.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files

import numpy as np

from nvcodec.bitstream import (
    INTER,
    BitstreamError,
    ContainerReader,
    ModelConfig,
    NetworkHeader,
    SequenceHeader,
    Unit,
    UnitKey,
    UnitType,
    read_coded_payload,
    read_payload,
)
from nvcodec.bitstream.model_config import BASE_MODEL_ZERO
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


@dataclass(frozen=True)
class NetworkTensors:
    """A level's integers as they are coded: by (layer, part) values and shifts; quantisation steps."""

    values: dict[tuple[str, str], Array]
    shifts: dict[tuple[str, str], int]
    step: Array
    gop_step: Array


def base_tensors(config: ModelConfig, level: int, chroma_format: str) -> dict[tuple[str, str], Array]:
    """What a level's symbols are differences from; see `base_model`. Raises DecodeError."""
    if config.base_model == BASE_MODEL_ZERO:
        return {
            (layer.name, part): np.zeros(shape, np.int64)
            for layer, part, shape in level_tensors(config, level, chroma_format)
        }
    found: dict[tuple[str, str], Array] = base_level(config, level, chroma_format).values
    return found


def read_tensors(unit: Unit, config: ModelConfig, level: int, chroma_format: str) -> NetworkTensors:
    """Raises BitstreamError, DecodeError (entropy coding, base model)."""
    tensors = list(level_tensors(config, level, chroma_format))
    blank = NetworkHeader.blank(config, level, len(tensors))
    header, words = read_coded_payload(blank, unit.payload, unit.place)
    values: dict[tuple[str, str], Array] = {}
    shifts: dict[tuple[str, str], int] = {}
    try:
        base = base_tensors(config, level, chroma_format)
    except DecodeError as error:
        raise DecodeError(f"{unit.place.at(0)}: {error}") from error
    try:
        decoder = SymbolDecoder(words)
        for (layer, part, shape), coding in zip(tensors, header.tensors, strict=True):
            symbols = decoder.decode(weight_tables(shape, coding.scale_index)).astype(np.int64)
            values[layer.name, part] = wrap(symbols + base[layer.name, part])
            shifts[layer.name, part] = coding.shift
        decoder.finish()
    except EntropyError as error:
        raise DecodeError(f"{unit.place.at(0)}: {error}") from error
    step = np.array(header.step, np.int64)
    if config.role == INTER:
        step = step.reshape(config.step_rows, -1)
    return NetworkTensors(values, shifts, step, np.array(header.gop_step, np.int64))


def decode_network(unit: Unit, config: ModelConfig, level: int, chroma_format: str) -> LevelWeights:
    """Raises BitstreamError, DecodeError (entropy coding, base model, accumulator bound)."""
    tensors = read_tensors(unit, config, level, chroma_format)
    layers = {}
    try:
        for layer in level_layers(config, level, chroma_format):
            bias = tensors.values[layer.name, "bias"] << tensors.shifts[layer.name, "bias"]
            weights = ConvWeights(tensors.values[layer.name, "weight"], bias, tensors.shifts[layer.name, "weight"])
            check_bound(str(unit.key), layer.name, weights)
            layers[layer.name] = weights
    except AccumulatorBound as error:
        raise DecodeError(f"{unit.place.at(0)}: {error}") from error
    return LevelWeights(layers, tensors.step, tensors.gop_step)


# --- base models -----------------------------------------------------------------------------------------------------


@cache
def _base_file(number: int) -> tuple[ContainerReader, SequenceHeader]:
    """Raises DecodeError where the installation lacks the file, or has another one in its place."""
    try:
        data = files("nvcodec.decoder").joinpath(f"base_models/{number}.msn").read_bytes()
        container = ContainerReader(data)
        unit = container.unit(UnitKey(UnitType.SEQUENCE))
        return container, read_payload(SequenceHeader(), unit.payload, unit.place)
    except OSError as error:
        raise DecodeError(f"base model {number} is not installed: {error.strerror or error}") from error
    except BitstreamError as error:
        raise DecodeError(f"base model {number} is damaged: {error}") from error


def base_config(number: int, role: str) -> ModelConfig:
    """The configuration that a network with this base model has. Raises DecodeError where there is none."""
    _, sequence = _base_file(number)
    return replace(sequence.models[_network_of(sequence, role)], base_model=number)


def _network_of(sequence: SequenceHeader, role: str) -> int:
    """The number of a base model's network of some role: the second, or the only one."""
    return min(int(role == INTER), len(sequence.models) - 1)


@cache
def base_level(config: ModelConfig, level: int, chroma_format: str) -> NetworkTensors:
    """A level of the base model that a configuration names. Raises DecodeError: no such file, or of another shape."""
    container, sequence = _base_file(config.base_model)
    wanted = base_config(config.base_model, config.role)
    if config != wanted or chroma_format != sequence.chroma_format:
        raise DecodeError(
            f"base model {config.base_model} has another shape than the {config.role} network of this {chroma_format} "
            "sequence"
        )
    try:
        unit = container.unit(UnitKey(UnitType.NETWORK, 0, _network_of(sequence, config.role), level))
    except BitstreamError as error:
        raise DecodeError(f"base model {config.base_model} is damaged: {error}") from error
    return read_tensors(unit, replace(wanted, base_model=BASE_MODEL_ZERO), level, chroma_format)
