"""Mutations that know the file's structure: most of them repair CRCs, index and footer, and so reach past them.

A file is taken apart into units as far as it can be, one or a few things are changed, and it is put together again.
Standard library and nvcodec.bitstream only, so that a fuzzer's own environment can run it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from random import Random

from nvcodec.bitstream import (
    BitstreamError,
    ContainerReader,
    Place,
    SegmentHeader,
    SequenceHeader,
    TraceEntry,
    UnitKey,
    UnitType,
    read_payload,
)
from nvcodec.bitstream.bits import BitWriter
from nvcodec.bitstream.container import CRC_BYTES, write_unit_bytes
from nvcodec.bitstream.headers import FILE_HEADER_BYTES, FOOTER_MAGIC

Unit = tuple[UnitKey, bytes]
Units = list[Unit]
Seeds = list[tuple[Unit, ...]]

MAX_BYTES = 8192
"""Mutants stay below it: what is interesting about larger ones is their memory, which has tests of its own."""

EXTREMES = (0, 1, 2, 127, 128, 255, 256, 1023, 1024, 65535, 65536, (1 << 24) - 1, 1 << 24, (1 << 28) + 1, (1 << 32) - 1)


@lru_cache(1024)
def take_apart(data: bytes) -> tuple[Unit, ...]:
    """Keys and payloads of a file's units, INDEX left out, whatever their CRCs; () where it has none."""
    try:
        with ContainerReader(data) as container:
            found = []
            for entry in container.entries:
                if entry.key.unit_type != UnitType.INDEX:
                    fields = container.trace_header(entry)
                    start = entry.offset + (fields[-1].bit_offset + fields[-1].bits) // 8
                    found.append((entry.key, data[start : entry.offset + entry.size - CRC_BYTES]))
            return tuple(found)
    except BitstreamError:
        return ()


unit_bytes = lru_cache(4096)(write_unit_bytes)


@lru_cache(4096)
def varint_bytes(value: int) -> bytes:
    writer = BitWriter()
    writer.varint(value)
    return writer.getvalue()


@lru_cache(4096)
def index_entry(key: UnitKey, size: int) -> bytes:
    """A unit's line in an INDEX payload."""
    numbers = varint_bytes(key.segment) + varint_bytes(key.gop)
    return bytes([key.unit_type]) + numbers + bytes([key.level]) + varint_bytes(size)


def put_together(header: bytes, units: Units, random: Random) -> bytes:
    """A file of those units with right CRCs; now and then without index, or with a wrong but well-formed one."""
    whole = [(key, unit_bytes(key, payload)) for key, payload in units]
    body = header + b"".join(unit for _, unit in whole)
    choice = random.random()
    if choice < 0.05:
        return body
    sizes = [(key, len(unit)) for key, unit in whole]
    if choice < 0.15 and sizes:
        at = random.randrange(len(sizes))
        sizes[at] = (mutate_key(sizes[at][0], random), max(0, sizes[at][1] + random.choice((-1, 0, 1, 9))))
    payload = varint_bytes(len(sizes)) + b"".join(index_entry(key, size) for key, size in sizes)
    if choice < 0.2:
        payload = mutate_bytes(payload, random)
    offset = len(body) if choice < 0.98 else random.choice((0, 7, 8, len(body) - 1, len(body) + 1, 1 << 40, 1 << 63))
    return body + write_unit_bytes(UnitKey(UnitType.INDEX), payload) + offset.to_bytes(8, "little") + FOOTER_MAGIC


def mutate_bytes(data: bytes, random: Random) -> bytes:
    """One to four changes of single bits, bytes or stretches; early bytes, where headers are, more often."""
    changed = bytearray(data)
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        reach = min(len(changed), 40) if random.random() < 0.5 else len(changed)
        at = random.randrange(reach + 1)
        kind = random.randrange(7)
        if kind == 0 or at == len(changed):
            changed[at:at] = random.randbytes(random.choice((1, 1, 4, 8)))
        elif kind == 1:
            del changed[at : at + random.choice((1, 1, 4, 8))]
        elif kind == 2:
            del changed[at:]
        elif kind == 3:
            changed[at] = random.choice((0, 1, 0x7F, 0x80, 0xFF))
        elif kind == 4:
            changed[at] = random.randrange(256)
        else:
            changed[at] ^= 1 << random.randrange(8)
    return bytes(changed)


WORDS = (
    *(b"%c%d" % (letter, number) for letter in b"WH" for number in (0, 1, 2, 3, 16, 8192, 8193, 10**12)),
    *(b"C" + layout for layout in (b"420", b"420p10", b"422p12", b"444", b"mono", b"mono12", b"411", b"")),
    *(b"F" + rate for rate in (b"0:0", b"1:0", b"25:1", b"30000:1001", b"9999999999:1", b"25", b"-1:1")),
    *(
        b"A0:1",
        b"A1:1",
        b"Ip",
        b"It",
        b"I?",
        b"XCOLORRANGE=FULL",
        b"X",
        b"FRAME",
        b"FRAME I",
        b"\n",
        b"\nFRAME\n",
        b"\0",
    ),
    *(b"clip_16x2_25", b"8x2p50", b"_10bit", b"yuv444p12le", b"23.976fps", b"99999x9_0.0"),
)


def mutate_text(data: bytes, random: Random) -> bytes:
    """A y4m stream with words of its first line exchanged, added or taken away, and bytes changed."""
    line, newline, rest = data.partition(b"\n")
    words = line.split(b" ")
    for _ in range(random.choice((1, 1, 2, 4))):
        at = random.randrange(len(words) + 1)
        words[at : at + random.choice((0, 1, 1))] = random.choice(([], [random.choice(WORDS)], [random.choice(WORDS)]))
    changed = b" ".join(words) + newline + rest
    return mutate_bytes(changed, random) if random.random() < 0.3 else changed


def mutate_key(key: UnitKey, random: Random) -> UnitKey:
    """Another number in one place of a key."""
    numbers = [key.unit_type, key.segment, key.gop, key.level]
    place = random.randrange(4)
    numbers[place] = random.choice((0, 1, 2, 3, 4, 5, 6, 7, 8, 255) if place in (0, 3) else EXTREMES)
    return UnitKey(*numbers)


def mutate_field(payload: bytes, blank: SequenceHeader | SegmentHeader, random: Random) -> bytes:
    """Another value of one field of a header that can be read on its own; its bits alone change."""
    fields: list[TraceEntry] = []
    try:
        read_payload(blank, payload, Place("seed"), trace=fields)
    except BitstreamError:
        return mutate_bytes(payload, random)
    field = random.choice(fields)
    value = random.choice((random.choice(EXTREMES), random.getrandbits(field.bits), (1 << field.bits) - 1))
    total = 8 * len(payload)
    shift = total - field.bit_offset - field.bits
    mask = (1 << field.bits) - 1
    bits = int.from_bytes(payload, "big") & ~(mask << shift) | (value & mask) << shift
    return bits.to_bytes(len(payload), "big")


def _change_payload(units: Units, random: Random, seeds: Seeds) -> None:
    at = random.randrange(len(units))
    units[at] = (units[at][0], mutate_bytes(units[at][1], random))


def _change_field(units: Units, random: Random, seeds: Seeds) -> None:
    headers = [i for i, (key, _) in enumerate(units) if key.unit_type in (UnitType.SEQUENCE, UnitType.SEGMENT)]
    if not headers:
        return
    at = random.choice(headers)
    key, payload = units[at]
    motion = len(units) > 12 and any(other.unit_type == UnitType.MOTION for other, _ in units)
    blank = SequenceHeader() if key.unit_type == UnitType.SEQUENCE else SegmentHeader(motion=motion)
    units[at] = (key, mutate_field(payload, blank, random))


def _change_key(units: Units, random: Random, seeds: Seeds) -> None:
    at = random.randrange(len(units))
    units[at] = (mutate_key(units[at][0], random), units[at][1])


def _drop(units: Units, random: Random, seeds: Seeds) -> None:
    del units[random.randrange(len(units))]


def _repeat(units: Units, random: Random, seeds: Seeds) -> None:
    units.insert(random.randrange(len(units) + 1), random.choice(units))


def _swap(units: Units, random: Random, seeds: Seeds) -> None:
    a, b = random.randrange(len(units)), random.randrange(len(units))
    units[a], units[b] = units[b], units[a]


def _exchange_payloads(units: Units, random: Random, seeds: Seeds) -> None:
    a, b = random.randrange(len(units)), random.randrange(len(units))
    units[a], units[b] = (units[a][0], units[b][1]), (units[b][0], units[a][1])


def _splice(units: Units, random: Random, seeds: Seeds) -> None:
    """A payload of another file."""
    at = random.randrange(len(units))
    others = random.choice(seeds)
    same = [payload for key, payload in others if key.unit_type == units[at][0].unit_type]
    units[at] = (units[at][0], random.choice(same) if same else random.choice(others)[1])


CHANGES: tuple[tuple[int, Callable[[Units, Random, Seeds], None]], ...] = (
    (10, _change_payload),
    (5, _change_field),
    (2, _change_key),
    (1, _drop),
    (1, _repeat),
    (1, _swap),
    (1, _exchange_payloads),
    (2, _splice),
)


def mutate(data: bytes, random: Random, seeds: list[bytes]) -> bytes:
    """A mutant of `data`, at most MAX_BYTES long. seeds: files to take parts from."""
    units = list(take_apart(data)) if random.random() < 0.9 else []
    if not units:
        return (mutate_text if data.startswith(b"YUV4MPEG2") else mutate_bytes)(data, random)[:MAX_BYTES]
    others = [parts for seed in seeds if (parts := take_apart(seed))] or [tuple(units)]
    weights, changes = zip(*CHANGES, strict=True)
    for change in random.choices(changes, weights, k=random.choice((1, 1, 1, 2, 3))):
        if units:
            change(units, random, others)
    header = data[:FILE_HEADER_BYTES]
    if random.random() < 0.02:
        header = mutate_bytes(header, random)
    return put_together(header, units, random)[:MAX_BYTES]
