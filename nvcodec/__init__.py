"""nvcodec: a neural video codec whose files decode to the same pictures on every platform.

    for frame in nvcodec.decode("clip.msn", scale="1/2"):
        luma, cb, cr = frame.planes

    with nvcodec.Decoder("clip.msn") as decoder:
        picture = decoder[40]

    nvcodec.encode("clip.mkv", "clip.msn", preset="fast")

Only `encode` needs torch (the `encoder` extra); it is imported when called.
"""

from __future__ import annotations

from nvcodec.api import Probe, decode, encode, probe
from nvcodec.decoder import Decoder
from nvcodec.errors import NvcodecError
from nvcodec.version import __version__
from nvcodec.video import Frame, VideoFormat

__all__ = ["Decoder", "Frame", "NvcodecError", "Probe", "VideoFormat", "__version__", "decode", "encode", "probe"]
