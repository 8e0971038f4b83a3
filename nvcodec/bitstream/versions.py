"""From which version_minor on what is how. Source: bitstream_spec.md, section 3.7."""

from __future__ import annotations

VERSION_MAJOR = 0
VERSION_MINOR = 9
MOTION_VERSION_MINOR = 3
"""The lowest whose motion profile is ours."""
HYBRID_VERSION_MINOR = 5
"""The lowest whose hybrid profile is ours."""
FINE_VERSION_MINOR = 7
"""From here on the hybrid profile aligns planes smaller than full-size luma at exact positions."""
DEBLOCKING_VERSION_MINOR = 7
"""From here on TABLES units say whether there are intra blocks, and pictures that are deblocked."""
CONTEXTS_VERSION_MINOR = 8
"""From here on coefficients are coded as in section 7.7, before as in section 7.12."""
EIGHT_TAPS_VERSION_MINOR = 9
"""From here on the hybrid profile interpolates with eight taps."""
ADAPTIVE_FILTER_VERSION_MINOR = 9
"""From here on TABLES units may have adaptive filters."""
