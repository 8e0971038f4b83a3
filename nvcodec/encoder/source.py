"""The source pictures of one segment, as integer planes, and what the fit needs of them.

Samples stay integers (in memory, or in a private temporary file when they are many); packed pictures and the
downscaled targets are made when a step asks for them.
"""

from __future__ import annotations

import contextlib
import tempfile
from typing import IO

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from nvcodec.bitstream import SCALES
from nvcodec.encoder.crop import Crop
from nvcodec.encoder.errors import TemporaryFileFailed
from nvcodec.synthesis.arrays import Array
from nvcodec.synthesis.packing import plane_phases
from nvcodec.video.frame import Frame, VideoFormat

IN_MEMORY_BYTES = 1 << 30


class SourceStore:
    """Frames of one format, appended once, then read by index; on disk above IN_MEMORY_BYTES."""

    def __init__(self, video_format: VideoFormat, directory: str | None = None):
        self.format = video_format
        self._directory = directory
        self._rows: list[Array] = []
        self._file: IO[bytes] | None = None
        self._count = 0
        self._samples = sum(h * w for h, w in video_format.plane_shapes)
        self._dtype = np.uint8 if video_format.bit_depth == 8 else np.uint16

    def append(self, frame: Frame) -> None:
        """Keep a picture. Raises TemporaryFileFailed."""
        row = np.concatenate([plane.reshape(-1) for plane in frame.planes])
        self._count += 1
        self._rows.append(row)
        if self._file is None and self._count * row.nbytes <= IN_MEMORY_BYTES:
            return
        try:
            if self._file is None:
                # Read until `close`, so no `with` can hold it.
                self._file = tempfile.TemporaryFile(dir=self._directory, prefix="nvenc-source-")  # noqa: SIM115
            for kept in self._rows:
                self._file.write(kept.tobytes())
            self._file.flush()
        except OSError as error:
            raise TemporaryFileFailed(f"the source's temporary file: {error.strerror or error}") from error
        self._rows = []

    def __len__(self) -> int:
        return self._count

    def planes(self, index: int) -> list[Array]:
        """Planes of a picture, (rows, columns) integers."""
        if self._file is None:
            row = self._rows[index]
        else:
            size = self._samples * self._dtype().itemsize
            self._file.seek(index * size)
            row = np.frombuffer(self._file.read(size), self._dtype)
        planes, first = [], 0
        for height, width in self.format.plane_shapes:
            planes.append(row[first : first + height * width].reshape(height, width))
            first += height * width
        return planes

    def close(self) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):  # what a full disk did not take is tried again, in vain
                self._file.close()


class Targets:
    """Packed float pictures of a source at every scale, samples over 2**bit_depth minus one half."""

    def __init__(self, source: SourceStore, device: torch.device, pooling: str = "area", first: int = 0):
        """pooling: 'area', or 'max' as in the paper; first: the source's picture that counts as picture 0."""
        self.source, self.device, self.pooling, self.first = source, device, pooling, first
        self.chroma_format = source.format.chroma_format
        self.scale = float(1 << source.format.bit_depth)

    def pictures(self, indices: list[int], crop: Crop | None = None) -> list[Tensor]:
        """Packed pictures, (N, P, h_s, w_s), for scales 1, 1/2, 1/4, 1/8; of a crop, or whole."""
        planes = []
        sources = [self.source.planes(self.first + i) for i in indices]
        for number, (rows, columns) in enumerate(plane_phases(self.chroma_format)):
            part = (slice(None), slice(None))
            if crop is not None:
                cells = crop.slices(0)
                part = (
                    slice(cells[0].start * rows, cells[0].stop * rows),
                    slice(cells[1].start * columns, cells[1].stop * columns),
                )
            stack = np.stack([planes_of[number][part] for planes_of in sources]).astype(np.float32)
            planes.append(torch.from_numpy(stack)[:, None].to(self.device) / self.scale - 0.5)
        return [self._pack([self._downscaled(plane, scale) for plane in planes]) for scale in range(SCALES)]

    def _downscaled(self, plane: Tensor, scale_log2: int) -> Tensor:
        """As `video.scaling` does it: the edge repeated to whole blocks, then one value per block."""
        block = 1 << scale_log2
        height, width = plane.shape[-2:]
        if height % block or width % block:
            plane = F.pad(plane, (0, -width % block, 0, -height % block), mode="replicate")
        return F.max_pool2d(plane, block) if self.pooling == "max" else F.avg_pool2d(plane, block)

    def _pack(self, planes: list[Tensor]) -> Tensor:
        height, width = -(-planes[0].shape[-2] // 2), -(-planes[0].shape[-1] // 2)
        channels = []
        for plane, (rows, columns) in zip(planes, plane_phases(self.chroma_format), strict=True):
            missing = (rows * height - plane.shape[-2], columns * width - plane.shape[-1])
            if any(missing):
                plane = F.pad(plane, (0, missing[1], 0, missing[0]), mode="replicate")
            channels += [plane[..., i::rows, j::columns] for i in range(rows) for j in range(columns)]
        return torch.cat(channels, 1).contiguous(memory_format=torch.channels_last)
