"""Pictures to look at: Y'CbCr to RGB by the matrix and range that the format names, and panels side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from measure import PathLike

from nvcodec.video import Frame, VideoFormat
from nvcodec.video.frame import SUBSAMPLING

RgbPicture = npt.NDArray[np.uint8]

# CICP matrix coefficients (ITU-T H.273, table 4): weights of red and blue in luma.
MATRICES = {1: (0.2126, 0.0722), 4: (0.30, 0.11), 5: (0.299, 0.114), 6: (0.299, 0.114), 7: (0.212, 0.087),
            9: (0.2627, 0.0593)}  # fmt: skip
BT601, BT709 = 6, 1
HIGH_DEFINITION_LINES = 720
DIFFERENCE_GAIN = 8
CAPTION_PIXELS = 22
DPI = 100


def luma_weights(video_format: VideoFormat) -> tuple[float, float]:
    """Weights of red and blue; BT.601 below 720 lines and BT.709 from there where the format names no known matrix."""
    usual = BT709 if video_format.height >= HIGH_DEFINITION_LINES else BT601
    named = usual if video_format.colour is None else video_format.colour[2]
    return MATRICES.get(named, MATRICES[usual])


def to_rgb(frame: Frame) -> RgbPicture:
    """(rows, columns, 3), full range, 8 bits; chroma samples are repeated."""
    video = frame.format
    unit = 1 << (video.bit_depth - 8)
    peak = (1 << video.bit_depth) - 1
    black, luma_span, chroma_span = (0, peak, peak) if video.full_range else (16 * unit, 219 * unit, 224 * unit)
    luma = (frame.planes[0].astype(np.float32) - black) / luma_span
    if video.chroma_format == "400":
        return _to_bytes(np.stack([luma] * 3, -1))
    columns, rows = SUBSAMPLING[video.chroma_format]
    blue_difference, red_difference = (
        _repeat((plane.astype(np.float32) - 128 * unit) / chroma_span, rows, columns, luma.shape)
        for plane in frame.planes[1:]
    )
    red_weight, blue_weight = luma_weights(video)
    red = luma + 2 * (1 - red_weight) * red_difference
    blue = luma + 2 * (1 - blue_weight) * blue_difference
    green = (luma - red_weight * red - blue_weight * blue) / (1 - red_weight - blue_weight)
    return _to_bytes(np.stack([red, green, blue], -1))


def _repeat(plane: npt.NDArray[Any], rows: int, columns: int, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    return plane.repeat(rows, 0).repeat(columns, 1)[: shape[0], : shape[1]]


def _to_bytes(picture: npt.NDArray[Any]) -> RgbPicture:
    return np.clip(picture * 255 + 0.5, 0, 255).astype(np.uint8)


def luma_difference(source: Frame, decoded: Frame) -> RgbPicture:
    """Decoded minus source luma, DIFFERENCE_GAIN times, around mid-grey."""
    peak = (1 << source.format.bit_depth) - 1
    difference = (decoded.planes[0].astype(np.float32) - source.planes[0].astype(np.float32)) / peak
    return _to_bytes(np.stack([0.5 + DIFFERENCE_GAIN * difference] * 3, -1))


def save_panels(path: PathLike, panels: Sequence[tuple[str, RgbPicture]], *, columns: int = 2, zoom: int = 2) -> None:
    """A PNG of equally large pictures, each below its caption, every sample `zoom` x `zoom` pixels."""
    from matplotlib.figure import Figure

    height, width = (zoom * size for size in panels[0][1].shape[:2])
    rows = -(-len(panels) // columns)
    total_width, total_height = columns * width, rows * (height + CAPTION_PIXELS)
    figure = Figure(figsize=(total_width / DPI, total_height / DPI), dpi=DPI)
    for number, (caption, picture) in enumerate(panels):
        row, column = divmod(number, columns)
        bottom = total_height - (row + 1) * (height + CAPTION_PIXELS)
        axes = figure.add_axes((column / columns, bottom / total_height, width / total_width, height / total_height))
        axes.imshow(picture, interpolation="nearest", aspect="auto")
        axes.set_axis_off()
        caption_y = (bottom + height + CAPTION_PIXELS / 2) / total_height
        figure.text((column * width + 4) / total_width, caption_y, caption, fontsize=9, va="center")
    figure.savefig(path, dpi=DPI)
