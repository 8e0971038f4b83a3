"""Which of our formats an ffmpeg pixel format becomes, by its name."""

from __future__ import annotations

import re

from nvcodec.video.errors import FormatUnsupported
from nvcodec.video.frame import parse_pix_fmt

_PLANAR = re.compile(r"yuva?j?(?P<chroma>4\d\d)p(?P<depth>\d*)(?:msb)?")
_GREY = re.compile(r"(?:gray|ya)(?P<depth>\d*)(?:msb)?|mono[bw]")
_NEAREST_CHROMA = {"410": "420", "411": "422", "440": "444"}
# Packed and semi-planar Y'CbCr: chroma format and bits.
_PACKED = {
    **dict.fromkeys(("nv12", "nv21"), ("420", 8)),
    **dict.fromkeys(("nv16", "yuyv422", "uyvy422", "yvyu422", "uyyvyy411"), ("422", 8)),
    **dict.fromkeys(("nv24", "nv42"), ("444", 8)),
    "nv20": ("422", 10),
    **{f"p0{bits}": ("420", bits) for bits in (10, 12, 16)},
    **{f"p2{bits}": ("422", bits) for bits in (10, 12, 16)},
    **{f"p4{bits}": ("444", bits) for bits in (10, 12, 16)},
    **{f"y2{bits}": ("422", bits) for bits in (10, 12, 16)},
}


def nearest_pix_fmt(pix_fmt: str) -> str:
    """The format of ours that loses least: 9 bits become 10, 14 and 16 become 12, RGB becomes 4:4:4."""
    name = re.sub(r"(le|be)$", "", pix_fmt)
    planar, grey = _PLANAR.fullmatch(name), _GREY.fullmatch(name)
    if planar:
        chroma, depth = _NEAREST_CHROMA.get(planar["chroma"], planar["chroma"]), int(planar["depth"] or 8)
    elif grey:
        chroma, depth = "400", int(grey["depth"] or 8)
    else:
        chroma, depth = _PACKED.get(name) or ("444", _bits_of_other(name))
    family = "gray" if chroma == "400" else f"yuv{chroma}p"
    return family if depth <= 8 else f"{family}{10 if depth <= 10 else 12}le"


def _bits_of_other(name: str) -> int:
    """Of RGB and packed 4:4:4 formats: rgb48, gbrp10, x2rgb10, xv36; floating-point samples count as 12 bits."""
    if re.search(r"12|14|16|36|48|64|f32", name):
        return 12
    return 10 if re.search(r"9|10|30", name) else 8


def is_ours(pix_fmt: str) -> bool:
    """Whether ffmpeg's rawvideo of that format is what we read: planar and, above 8 bits, little-endian."""
    try:
        depth = parse_pix_fmt(pix_fmt)[1]
    except FormatUnsupported:
        return False
    return depth == 8 or pix_fmt.endswith("le")


def is_rgb(pix_fmt: str) -> bool:
    """Whether a colour matrix must be chosen to make Y'CbCr of it."""
    return re.search(r"rgb|bgr|gbr|argb|pal8|bayer|xyz", pix_fmt) is not None
