"""What a fuzzer feeds: the parser, the whole decoder, and the reader of the encoder's sources.

Any exception that is not of ours is a crash.

All take bytes and say what became of them: "refused", "read" or "concealed"; what they raise is a find.
"""

from __future__ import annotations

import io
import zlib
from pathlib import PurePath

from nvcodec.bitstream.errors import BitstreamError
from nvcodec.decoder import Decoder, trace
from nvcodec.decoder.decoder import SCALES
from nvcodec.errors import NvcodecError
from nvcodec.video import VideoError
from nvcodec.video.stream import InputStream
from nvcodec.video.y4m import Y4mReader
from nvcodec.video.yuv import raw_format

MAX_MEMORY_BYTES = 256 << 20
MOST_PICTURES = 8
"""Decoded of a mutant: time grows with them, and its picture_count may say anything."""


def parse(data: bytes) -> str:
    """File header, index or scan, the headers of all units, and what nvinfo would print of them."""
    try:
        with Decoder(data, threads=1) as decoder:
            for part in trace.trace_file(decoder):
                len(part.elements)
    except BitstreamError as error:
        _check_message(error)
        return "refused"
    return "read"


def decode(data: bytes) -> str:
    """The first pictures, at a scale and with options that follow from the bytes."""
    choice = zlib.crc32(data)
    options = {"scale": SCALES[choice & 3], "verify": choice & 12 == 0, "conceal": choice & 16 == 0}
    try:
        with Decoder(data, backend="numpy", threads=1, max_memory=MAX_MEMORY_BYTES, **options) as decoder:
            found = list(decoder.frames(0, min(MOST_PICTURES, len(decoder))))
    except NvcodecError as error:
        _check_message(error)
        return "refused"
    shapes = [plane.shape for plane in found[0].planes]
    assert [frame.pts for frame in found] == list(range(min(MOST_PICTURES, len(decoder))))
    assert all([plane.shape for plane in frame.planes] == shapes for frame in found)
    assert all("\n" not in str(loss) for loss in decoder.losses)
    return "concealed" if decoder.losses else "read"


def source(data: bytes) -> str:
    """The encoder's side: a y4m stream; and what its first line is as the name of a raw file."""
    stream = InputStream(io.BytesIO(data), "input")
    try:
        with Y4mReader(stream, len(data) if len(data) & 1 else None) as reader:
            for number, frame in enumerate(reader):
                assert frame.pts == number
    except VideoError as error:
        _check_message(error)
        outcome = "refused"
    else:
        outcome = "read"
    name = data.split(b"\n")[0].decode("utf-8", "replace").replace(" ", "_") + ".yuv"
    try:
        raw_format(PurePath(name).name, "input", None, None, None)
    except VideoError as error:
        _check_message(error)
    return outcome


TARGETS = {"parse": parse, "decode": decode, "source": source}


def _check_message(error: NvcodecError) -> None:
    """Every error is one line that says something."""
    message = str(error)
    assert message, repr(error)
    assert "\n" not in message, repr(error)
