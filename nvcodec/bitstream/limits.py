"""Caps that hold before anything is allocated (bitstream_spec.md, section 3.6).

A file of a few bytes must not make a decoder ask for gigabytes. Each cap is generous for honest files.
"""

MAX_WIDTH = 8192
"""The largest picture that the project promises; planes of 8192x8192 still fit an ordinary machine's memory."""

MAX_HEIGHT = 8192
"""As MAX_WIDTH."""

MAX_PICTURES = 1 << 24
"""More than three days at 60 pictures a second; keeps every picture number far from 32-bit overflow."""

MAX_SEGMENTS = (1 << 16) - 1
"""What segment_count can say. Each segment carries a network, so honest files have few."""

MAX_GOPS = (1 << 16) - 1
"""GoPs per segment: what gop_count can say."""

MAX_GOP_LENGTH = 1024
"""Pictures per GoP: a seek decodes the GoP's grids from its start, so this bounds the time of one."""

MAX_UNITS = 1 << 22
"""Units per file: bounds the list of units. 2**24 pictures in GoPs of 32 need 3.1 million."""

MAX_PAYLOAD_BYTES = 1 << 28
"""A payload is read at one go to check its CRC: 256 MiB, some thousand times an honest unit."""

MAX_WINDOW_LENGTH = 8
"""Grids under the temporal window; the paper uses 5."""

MAX_FUSION_COUNT = 3
"""Fusion layers of a multi-scale feature block; the paper uses 3."""

MAX_SCALE_INDEX = 39
"""The widest of the family of discretised Laplace distributions (bitstream_spec.md, section 7.1)."""

MAX_PICTURE_LATENTS = 1 << 26
"""Latents of all levels' grids at one moment: what a decoder holds several times over. One per sample of 8192x8192."""

GRID_STEP_BITS, MOTION_STEP_BITS = 8, 10
"""Bits of a quantisation step. The grid profile sums a window of grids, where float32 would not hold wider ones."""

MAX_STEP_ROWS = 8
"""Rows of quantisation steps in a network: distances 1, 2 .. 64 to references need 7, anchors one."""

MAX_MOTION_GOP_LENGTH = 64
"""Pictures per GoP in the motion profile: all of them may be held at once, and a picture's chain lies within it."""

MAX_OPEN_GOPS = 1024
"""Open GoPs after a closed one: a seek decodes all their vectors and anchors, so this bounds the time of one."""

MAX_GOP_NODES = 1 << 25
"""Nodes of all vector fields of a GoP, which are held at once: 256 MiB. 64 pictures of 8192x8192, a node per 16x16."""
