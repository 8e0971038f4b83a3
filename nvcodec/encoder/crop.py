"""A part of the picture for one step of the fit, aligned to the coarsest level's cells so that all levels agree.

Smaller parts mean more steps in the same time; the last phases see whole pictures.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from nvcodec.synthesis import arithmetic
from nvcodec.synthesis.layers import COARSEST

LEAST_CELLS = 4


@dataclass(frozen=True)
class Crop:
    """Rows and columns of the coarsest level, of a picture of height x width luma samples."""

    top: int
    left: int
    rows: int
    columns: int
    height: int
    width: int

    def slices(self, level: int) -> tuple[slice, slice]:
        """Rows and columns of a level's grid (or of the packed picture of its scale)."""
        height, width = arithmetic.level_size(self.height, self.width, level)
        finer = COARSEST - level
        bottom = min((self.top + self.rows) << finer, height)
        right = min((self.left + self.columns) << finer, width)
        return slice(self.top << finer, bottom), slice(self.left << finer, right)

    def sizes(self) -> dict[int, tuple[int, int]]:
        """(rows, columns) by level."""
        found = {}
        for level in range(COARSEST + 1):
            rows, columns = self.slices(level)
            found[level] = (rows.stop - rows.start, columns.stop - columns.start)
        return found

    @property
    def pixels(self) -> int:
        """Luma samples inside."""
        height = min((self.top + self.rows) << (COARSEST + 1), self.height) - (self.top << (COARSEST + 1))
        width = min((self.left + self.columns) << (COARSEST + 1), self.width) - (self.left << (COARSEST + 1))
        return height * width


def whole(height: int, width: int) -> Crop:
    """The whole picture."""
    return Crop(0, 0, *arithmetic.level_size(height, width, COARSEST), height, width)


def random_crop(height: int, width: int, pixels: int, generator: random.Random) -> Crop:
    """A crop of about `pixels` luma samples and the picture's aspect, or the whole picture where it is no larger."""
    rows, columns = arithmetic.level_size(height, width, COARSEST)
    share = (pixels / (height * width)) ** 0.5
    if share >= 1:
        return whole(height, width)
    kept_rows = min(rows, max(LEAST_CELLS, round(rows * share)))
    kept_columns = min(columns, max(LEAST_CELLS, round(columns * share)))
    top, left = generator.randint(0, rows - kept_rows), generator.randint(0, columns - kept_columns)
    return Crop(top, left, kept_rows, kept_columns, height, width)
