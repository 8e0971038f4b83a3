"""The torch side of the alignment, CPU and CUDA; see `synthesis.alignment`.

Samples are uint8 at 8 bits and int16 above, where torch has little for uint16; values are the same.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from nvcodec.synthesis.alignment import CACHED_SAMPLES
from nvcodec.synthesis.arrays import Array


class TorchLibrary:
    """`alignment.Library` of torch, on the device of the tensors that it's given."""

    def band_samples(self, bit_depth: int, like: Tensor) -> int:
        return CACHED_SAMPLES >> (bit_depth > 8) if like.device.type == "cpu" else like.numel() * 2

    def arange(self, count: int, like: Tensor) -> Tensor:
        return torch.arange(count, dtype=torch.int32, device=like.device)

    def samples(self, shape: tuple[int, ...], bit_depth: int, like: Tensor) -> Tensor:
        return torch.empty(shape, dtype=torch.uint8 if bit_depth == 8 else torch.int16, device=like.device)

    def accumulators(self, shape: tuple[int, ...], bit_depth: int, like: Tensor) -> Tensor:
        return torch.empty(shape, dtype=torch.int16 if bit_depth == 8 else torch.int32, device=like.device)

    def take(self, values: Tensor, indices: Tensor, axis: int) -> Tensor:
        return values.index_select(axis, indices)

    def gather(self, values: Tensor, indices: Tensor) -> Tensor:
        return values.view(-1).index_select(0, indices.view(-1)).view(indices.shape)

    def clamp(self, values: Tensor, low: int, high: int) -> Tensor:
        return values.clamp_(low, high)

    def widened(self, samples: Tensor) -> Tensor:
        return samples.to(torch.int32)

    def total(self, several: Sequence[Tensor]) -> Tensor:
        return torch.stack(list(several)).sum(0, dtype=torch.int32)

    def narrowed(self, values: Tensor, like: Tensor) -> Tensor:
        return values.to(like.dtype)


TORCH = TorchLibrary()


def to_tensor(plane: Array, device: str | torch.device = "cpu") -> Tensor:
    """A plane of uint8 or uint16 samples as a tensor of torch's sample type."""
    plane = np.ascontiguousarray(plane)
    return torch.from_numpy(plane if plane.dtype == np.uint8 else plane.astype(np.int16)).to(device)


def to_array(plane: Tensor) -> Array:
    """The inverse of `to_tensor`."""
    array: Array = plane.cpu().numpy()
    return array if array.dtype == np.uint8 else array.astype(np.uint16)
