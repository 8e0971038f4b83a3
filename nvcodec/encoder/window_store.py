"""The aligned windows of a segment's pictures, which many steps read; in memory, or on disk when they are many."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence

import numpy as np

from nvcodec.encoder.crop import Crop
from nvcodec.encoder.errors import TemporaryFileFailed
from nvcodec.encoder.source import IN_MEMORY_BYTES
from nvcodec.synthesis.alignment import SUBSAMPLING_LOG2
from nvcodec.synthesis.arrays import Array
from nvcodec.video.frame import VideoFormat


class WindowStore:
    """One or two aligned pictures for every picture of a segment, samples at one scale."""

    def __init__(
        self,
        video: VideoFormat,
        count: int,
        pictures_each: int = 2,
        directory: str | None = None,
        *,
        scale_log2: int = 0,
    ):
        """video: the format at that scale. Raises TemporaryFileFailed."""
        self.video, self.scale_log2 = video, scale_log2
        self.shapes = video.plane_shapes
        samples = sum(rows * columns for rows, columns in self.shapes)
        shape = (count, pictures_each, samples)
        size_bytes = count * pictures_each * samples * np.dtype(video.dtype).itemsize
        if size_bytes > IN_MEMORY_BYTES:
            try:
                # As long as this lives, so no `with` can hold it.
                self._file = tempfile.TemporaryFile(dir=directory, prefix="nvenc-window-")  # noqa: SIM115
                if hasattr(os, "posix_fallocate"):  # a disk that fills up later would be a signal, not an error
                    os.posix_fallocate(self._file.fileno(), 0, size_bytes)
                self.samples: Array = np.memmap(self._file, video.dtype, "r+", shape=shape)
            except OSError as error:
                raise TemporaryFileFailed(f"the temporary file of windows: {error.strerror or error}") from error
        else:
            self.samples = np.zeros(shape, video.dtype)

    def store(self, picture: int, aligned: Sequence[Sequence[Array]]) -> None:
        """Keep a picture's window; a single aligned picture stands for both."""
        for number in range(self.samples.shape[1]):
            planes = aligned[min(number, len(aligned) - 1)]
            np.concatenate([plane.reshape(-1) for plane in planes], out=self.samples[picture, number])

    def window(self, picture: int, crop: Crop) -> list[list[Array]]:
        """Planes of a picture's window, of the part that a crop (of the picture at full size) covers."""
        return [self._planes(self.samples[picture, number], crop) for number in range(self.samples.shape[1])]

    def _planes(self, samples: Array, crop: Crop) -> list[Array]:
        found, first = [], 0
        packed_rows, packed_columns = crop.slices(self.scale_log2)
        subsampling = ((0, 0), *SUBSAMPLING_LOG2[self.video.chroma_format])
        for (rows, columns), (down, across) in zip(self.shapes, subsampling, strict=True):
            plane = samples[first : first + rows * columns].reshape(rows, columns)
            first += rows * columns
            row_factor, column_factor = 2 >> down, 2 >> across
            found.append(
                plane[
                    packed_rows.start * row_factor : packed_rows.stop * row_factor,
                    packed_columns.start * column_factor : packed_columns.stop * column_factor,
                ]
            )
        return found
