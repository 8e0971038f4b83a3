"""How much memory decoding takes, reckoned from the headers before anything is allocated.

The figures are bounds: what the numpy backend holds at its worst moment, in float64, which also covers the float32
arenas of the others. tests/robustness/test_memory.py compares them with what processes really took.
"""

from __future__ import annotations

from dataclasses import dataclass

from nvcodec.bitstream import INTER, ModelConfig, SequenceHeader, limits
from nvcodec.bitstream.headers import MAX_REFERENCES, MIN_BLOCK_LOG2
from nvcodec.decoder.errors import MemoryLimit
from nvcodec.synthesis import arithmetic
from nvcodec.synthesis.alignment import EIGHT_TAPS, PHASES
from nvcodec.synthesis.layers import COARSEST, PICTURE_CHANNELS, WINDOW_PICTURES, ConvLayer, level_layers
from nvcodec.synthesis.structure import grid_count
from nvcodec.synthesis.vectors import field_shape
from nvcodec.video.frame import VideoFormat

DEFAULT_MAX_MEMORY = 4_000_000_000
"""Bytes; what a decode may take unless its caller says otherwise."""

PROGRAM_BYTES = {"numpy": 60_000_000, "onnxruntime": 130_000_000, "torch": 500_000_000}
"""The interpreter with its libraries, before any picture."""

KERNELS_BYTES = 130_000_000
"""Numba with the compiled kernels; a decode that has no room for them does without."""

GOP_PLACE_BYTES = 160
"""A GoP in the list of all of them: its place, and its part of the segment's header."""

FLOAT_BYTES = 8
OUTPUT_COPIES = 4
"""Of a convolution's output: the sum, and what rounding and division make of it on the way."""
SAMPLE_COPIES = 4
"""Of a picture on its way from the network's output to samples."""
LATENT_BYTES = 120
"""What decoding a latent takes: mean, scale, table, order, symbol and their temporaries."""
HELD_LATENT_BYTES = 4
NODE_BYTES = 8
NODE_WORK_BYTES = 200
"""What decoding a node of a vector field takes, of one field at a time."""
COEFFICIENT_BYTES = 4
"""Per sample of a picture of full size, whose planes are reckoned as large as luma's."""
COEFFICIENT_WORK_BYTES = 60
"""What decoding a picture's coefficients, and transforming them, takes besides, per sample."""
ALIGN_BYTES = 40
"""Per luma sample: vectors, positions and indices of the picture that is being aligned."""


@dataclass(frozen=True)
class MemoryNeed:
    """Bytes that a decode takes, whatever the number of threads, and for each picture under way."""

    held: int
    per_worker: int

    def workers(self, wanted: int, allowed: int, name: str) -> int:
        """How many threads there is memory for, at most `wanted`. Raises MemoryLimit where there is none for one."""
        least = self.held + self.per_worker
        if least > allowed:
            raise MemoryLimit(f"{name}: decoding may need {megabytes(least)}, --max-memory allows {megabytes(allowed)}")
        return min(wanted, (allowed - self.held) // self.per_worker)


def megabytes(count: int) -> str:
    """Rounded up."""
    return f"{-(-count // 1_000_000)} MB"


def memory_need(
    sequence: SequenceHeader, video: VideoFormat, longest_gop: int, gops: int, finest: int, backend: str
) -> MemoryNeed:
    """What decoding at scale 1/2**finest takes. video: the format at that scale; gops: in the whole sequence."""
    size = (sequence.height, sequence.width)
    models = [_ModelNeed(model, size, sequence.chroma_format, finest) for model in sequence.models]
    latents, activations = max(m.latents for m in models), max(m.activations for m in models)
    frame = video.frame_bytes
    held = PROGRAM_BYTES.get(backend, max(PROGRAM_BYTES.values())) + GOP_PLACE_BYTES * gops
    held += sum(m.contexts * (m.model.context_kinds if backend == "onnxruntime" else 1) for m in models)
    held += max(m.latent_work for m in models)
    held += 4 * frame  # what is being written out, and what it repeats
    area = _product(arithmetic.level_size(*size, finest))
    worker = activations + FLOAT_BYTES * SAMPLE_COPIES * PICTURE_CHANNELS[sequence.chroma_format] * area
    if sequence.motion:
        pictures = min(longest_gop, sequence.picture_count)
        references = pictures // 2 + 2
        margin = 2 * EIGHT_TAPS.margin
        margins = (video.height + margin) * (video.width + margin) - video.height * video.width
        phases = PHASES**2 * (frame + 3 * 2 * margins)
        nodes = _product(field_shape(*size, MIN_BLOCK_LOG2))
        fields = min(MAX_REFERENCES * (pictures + 1) * nodes, limits.MAX_GOP_NODES)
        held += pictures * (frame + HELD_LATENT_BYTES * latents) + references * phases
        held += fields * NODE_BYTES + nodes * NODE_WORK_BYTES
        if sequence.hybrid:
            samples = sequence.width * sequence.height * 3
            held += COEFFICIENT_BYTES * samples * (pictures + 1) + COEFFICIENT_WORK_BYTES * samples
        worker += ALIGN_BYTES * video.width * video.height
    else:
        held += sum(m.grids(longest_gop) for m in models)
        worker += HELD_LATENT_BYTES * latents
    return MemoryNeed(held, worker + 2 * frame)


class _ModelNeed:
    """What one network takes at the levels from the coarsest to `finest`."""

    def __init__(self, model: ModelConfig, size: tuple[int, int], chroma_format: str, finest: int):
        self.model = model
        self.areas = {level: _product(arithmetic.level_size(*size, level)) for level in range(finest, COARSEST + 1)}
        self.latents = sum(own.grid_channels * self.areas.get(level, 0) for level, own in enumerate(model.levels))
        self.activations = self.contexts = self.latent_work = 0
        for level, area in self.areas.items():
            layers = level_layers(model, level, chroma_format)
            context = [layer for layer in layers if layer.name.startswith("context")]
            others = [layer for layer in layers if not layer.name.startswith("context")]
            planes = self._standing(level, chroma_format) + _largest(others)
            self.activations = max(self.activations, FLOAT_BYTES * area * planes)
            self.contexts += FLOAT_BYTES * area * _largest(context)
            self.latent_work = max(self.latent_work, LATENT_BYTES * area * model.levels[level].grid_channels)

    def _standing(self, level: int, chroma_format: str) -> int:
        """Planes of a level's size that stand beside a convolution: embedding, window, features, picture."""
        own, picture = self.model.levels[level], PICTURE_CHANNELS[chroma_format]
        window = 2 * WINDOW_PICTURES * picture if self.model.role == INTER else 0
        return own.grid_channels + window + 3 * own.features + self.model.fusion_count * own.branch + 2 * picture

    def grids(self, gop_length: int) -> int:
        """Bytes of the grids that stand at once in the grid profile: a window's, the next ones, and the GoP's."""
        total = 0
        for level, area in self.areas.items():
            own = self.model.levels[level]
            reach = self.model.window_length if own.window_flag else 1
            count = min(grid_count(gop_length, own.temporal_stride_log2), reach + 2) + 4 * own.gop_grid_flag
            total += HELD_LATENT_BYTES * own.grid_channels * area * count
        return total


def _largest(layers: list[ConvLayer]) -> int:
    """Planes of the level's size that the largest of some convolutions takes: input, padded input, output's copies.

    That of "up" has a quarter of the size.
    """
    return max(
        (
            -(-(2 * layer.inputs + OUTPUT_COPIES * layer.outputs) // (4 if layer.name == "up" else 1))
            for layer in layers
        ),
        default=0,
    )


def _product(shape: tuple[int, int]) -> int:
    return shape[0] * shape[1]
