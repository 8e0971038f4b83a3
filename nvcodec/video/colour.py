"""ffmpeg's names of the CICP numbers (ITU-T H.273), as its stream lines print them."""

from __future__ import annotations

UNKNOWN = 2

PRIMARIES = {
    "bt709": 1,
    "unknown": UNKNOWN,
    "bt470m": 4,
    "bt470bg": 5,
    "smpte170m": 6,
    "smpte240m": 7,
    "film": 8,
    "bt2020": 9,
    "smpte428": 10,
    "smpte431": 11,
    "smpte432": 12,
    "ebu3213": 22,
}
TRANSFERS = {
    "bt709": 1,
    "unknown": UNKNOWN,
    "bt470m": 4,
    "bt470bg": 5,
    "smpte170m": 6,
    "smpte240m": 7,
    "linear": 8,
    "log100": 9,
    "log316": 10,
    "iec61966-2-4": 11,
    "bt1361e": 12,
    "iec61966-2-1": 13,
    "bt2020-10": 14,
    "bt2020-12": 15,
    "smpte2084": 16,
    "smpte428": 17,
    "arib-std-b67": 18,
}
MATRICES = {
    "gbr": 0,
    "bt709": 1,
    "unknown": UNKNOWN,
    "fcc": 4,
    "bt470bg": 5,
    "smpte170m": 6,
    "smpte240m": 7,
    "ycgco": 8,
    "bt2020nc": 9,
    "bt2020c": 10,
    "smpte2085": 11,
    "chroma-derived-nc": 12,
    "chroma-derived-c": 13,
    "ictcp": 14,
    "ipt-c2": 15,
    "ycgco-re": 16,
    "ycgco-ro": 17,
}


def parse_colour(note: str) -> tuple[int, int, int] | None:
    """The notes behind a pixel format, such as 'tv, bt2020nc/bt2020/smpte2084, progressive', as CICP numbers.

    ffmpeg prints matrix/primaries/transfer, one word where all three have the same name, nothing where none is
    known. Returns primaries, transfer, matrix; None where nothing is known.
    """
    for part in (part.strip() for part in note.split(",")):
        names = part.split("/") if part.count("/") == 2 else [part] * 3
        if part != "unknown" and (len(set(names)) > 1 or part in MATRICES):
            matrix, primaries, transfer = names
            return PRIMARIES.get(primaries, UNKNOWN), TRANSFERS.get(transfer, UNKNOWN), MATRICES.get(matrix, UNKNOWN)
    return None
