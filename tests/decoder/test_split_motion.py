"""MOTION units of the hybrid profile: what their words decode to, and which fields bases are made of."""

from collections.abc import Sequence

import numpy as np
import pytest

from nvcodec.bitstream import (
    ContainerReader,
    MotionHeader,
    UnitKey,
    UnitType,
    VectorBase,
    read_coded_payload,
    write_payload,
)
from nvcodec.bitstream.headers import DEFAULT_SPLIT_TABLES, DEFAULT_VECTOR_SCALES, SPLIT_CONTEXTS
from nvcodec.decoder.errors import DecodeError
from nvcodec.decoder.motion import decode_motion
from nvcodec.encoder.run import Gop
from nvcodec.encoder.vector_field import encode_differences
from nvcodec.entropy import LAPLACE_COUNT, PHASE_COUNT, SymbolEncoder
from nvcodec.synthesis.structure import CodedPicture, hierarchical_order
from nvcodec.synthesis.vector_base import PictureMotion, anchor_before
from nvcodec.synthesis.vectors import field_shape, resample_field, scale_field
from tests.conformance.wild_splits import KINDS, Wildness, wild_units
from tests.streams import write_file

SIZE = (24, 48)
KEY = UnitKey(UnitType.MOTION)
ANSWERS: tuple[tuple[list[int], list[int]], ...] = (
    ([4, 4], [1, 0]), ([9, 10, 9, 10], [0, 1, 1, 1]), ([12, 12], [0, 1]), ([], [9, -2, 3, 6]),
    ([2, 1, 2, 1], [0, 1, 0, 1]), ([10, 9, 11, 10, 11, 10], [1, 0, 1, 1, 1, 0]), ([12, 13, 12, 13], [1, 0, 0, 0]),
    ([14, 14], [1, 0]), ([], [-1, 2]),
)  # fmt: skip
"""Contexts and symbols of the specification's example; new vectors have no contexts."""
EXAMPLE = [
    [[0, 0], [0, 0], [-1, 8], [0, 6], [0, 6], [0, 6]],
    [[0, 0], [0, 0], [3, 6], [3, 6], [0, 6], [0, 6]],
    [[9, -2], [9, -2], [9, -2], [3, 6], [0, 6], [0, 6]],
]
TABLES = [(5 * c + 3) % 64 for c in range(SPLIT_CONTEXTS)]


def push_example(encoder: SymbolEncoder, scale_index: int = 11) -> None:
    for contexts, symbols in ANSWERS:
        if contexts:
            encoder.push(np.array(symbols), LAPLACE_COUNT + np.array(TABLES)[contexts])
        else:
            vectors = np.array(symbols).reshape(-1, 2)
            encoder.push(vectors, np.full(vectors.shape, PHASE_COUNT * scale_index))


def decoded(
    header: MotionHeader, encoder: SymbolEncoder, order: Sequence[CodedPicture], before: PictureMotion | None = None
) -> dict[int, PictureMotion]:
    with ContainerReader(write_file([(KEY, write_payload(header, encoder.finish()))])) as container:
        return decode_motion(container, 0, 0, order, SIZE, before, hybrid=True)


def test_the_specifications_example() -> None:
    header = MotionHeader((1,), [5], [[VectorBase(False, (0, 0))]], hybrid=True, split_depth=[2])
    header.scale_index, header.split_tables, header.split_scale_index = [20] * 26, TABLES, 11
    encoder = SymbolEncoder()
    encode_differences(encoder, np.array([[[0, 0], [0, 6]]], np.int32), 0, header.scale_index)
    push_example(encoder)
    motion = decoded(header, encoder, [CodedPicture(0, (-1,))])[0]
    assert (motion.block_log2, motion.stepped) == (3, True)
    assert [field.tolist() for field in motion.fields] == [EXAMPLE]


def test_a_mirrored_base_is_made_of_the_field_before_splits() -> None:
    """Splits of field 0 change nothing in field 1, whose own splits follow its differences."""
    order = [CodedPicture(1, (0, 3))]
    known = VectorBase(False, (0, 0))
    header = MotionHeader((2,), [5], [[known, VectorBase()]], hybrid=True, split_depth=[2])
    header.scale_index, header.split_tables, header.split_scale_index = [20] * 26, TABLES, 11
    encoder = SymbolEncoder()
    root = np.array([[[0, 0], [0, 6]]], np.int32)
    encode_differences(encoder, root, 0, header.scale_index)
    push_example(encoder)
    encode_differences(encoder, np.zeros_like(root), 1, header.scale_index)
    encoder.push(np.zeros(2, np.int64), LAPLACE_COUNT + np.array(TABLES)[[5, 5]])  # |(0, 0) - (0, -12)| is above 8
    first, second = decoded(header, encoder, order)[1].fields
    assert first.tolist() == EXAMPLE
    mirrored = scale_field(root, -2, 1)
    assert np.array_equal(second, np.repeat(np.repeat(mirrored, 4, 0), 4, 1)[:3, :6])


def test_other_pictures_bases_are_made_of_fields_with_splits() -> None:
    """'Before' of an anchor: the field of the anchor before, at the size of its parts."""
    old = PictureMotion(CodedPicture(3, (-1,)), 3, [np.array(EXAMPLE, np.int32)], True)
    before = anchor_before(old, 4)
    assert before is not None
    assert (before.block_log2, before.stepped) == (3, True)
    header = MotionHeader((1,), [4], hybrid=True, split_depth=[0])
    encoder = SymbolEncoder()
    header.scale_index = [20] * 26
    encode_differences(encoder, np.zeros((2, 3, 2), np.int32), 0, header.scale_index)
    order = [CodedPicture(3, (-1,))]
    expected = scale_field(resample_field(old.fields[0], 3, 4, (2, 3)), 4, 4)
    assert np.array_equal(decoded(header, encoder, order, before)[3].fields[0], expected)
    assert expected.tolist() == [[[0, 0], [3, 6], [0, 6]], [[9, -2], [3, 6], [0, 6]]]


@pytest.mark.parametrize("size", [(1, 1), (35, 67), (85, 147)], ids=str)
def test_drawn_units_decode_to_their_ends(size: tuple[int, int]) -> None:
    """Every kind of pictures, in open and closed GoPs; ends are right, and shapes those of the last blocks."""
    gops = [Gop(0, 1), Gop(1, 8, open=True), Gop(9, 7), Gop(16, 3, open=True)]
    before: PictureMotion | None = None
    kinds = iter(KINDS * 2)
    units = wild_units(0, gops, size, np.random.default_rng(5), Wildness(custom=0.3))
    assert [unit is None for unit in units] == [True, False, False, False]
    with ContainerReader(write_file(unit for unit in units if unit is not None)) as container:
        for number, gop in enumerate(gops):
            order = hierarchical_order(gop.length, gop.open)
            found = decode_motion(container, 0, number, order, size, before if gop.open else None, hybrid=True)
            for picture in (picture for picture in order if picture.references):
                block_log2, depth = next(kinds)
                motion = found[picture.index]
                assert (motion.block_log2, motion.stepped) == (block_log2 - (depth or 0), depth is not None)
                shape = (*field_shape(*size, motion.block_log2), 2)
                assert [field.shape for field in motion.fields] == [shape] * len(picture.references)
            before = anchor_before(found.get(gop.length - 1), gop.length)


def test_wrong_words_of_splits_are_found() -> None:
    """Nearly all: where two symbols have the frequency 1, one may stand for the other, and the CRC is what tells."""
    order = hierarchical_order(4, True)
    wild = Wildness(kinds=((6, 3), (5, 2)))
    ((key, payload),) = wild_units(0, [Gop(0, 4, open=True)], (85, 147), np.random.default_rng(6), wild)  # type: ignore[misc]
    counts = tuple(len(picture.references) for picture in order)
    with ContainerReader(write_file([(key, payload)])) as container:
        unit = container.unit(key)
        _, words = read_coded_payload(MotionHeader(counts, hybrid=True), unit.payload, unit.place)
    bits = range(8 * (len(payload) - len(words)), 8 * len(payload), 61)
    faults: list[str] = []
    for bit in bits:
        changed = bytearray(payload)
        changed[bit >> 3] ^= 1 << (bit & 7)
        with ContainerReader(write_file([(key, bytes(changed))])) as container:
            try:
                decode_motion(container, 0, 0, order, (85, 147), None, hybrid=True)
            except DecodeError as error:
                faults.append(str(error))
    assert len(faults) >= 0.9 * len(bits)
    assert all("MOTION" in fault for fault in faults)


def test_the_default_tables_are_used_where_none_are_named() -> None:
    header = MotionHeader((1,), [4], [[VectorBase(False, (1, 2))]], hybrid=True, split_depth=[1])
    encoder = SymbolEncoder()
    encode_differences(encoder, np.zeros((2, 3, 2), np.int32), 0, DEFAULT_VECTOR_SCALES)
    encoder.push(np.zeros(6, np.int64), np.full(6, LAPLACE_COUNT + DEFAULT_SPLIT_TABLES[0]))
    (field,) = decoded(header, encoder, [CodedPicture(0, (-1,))])[0].fields
    assert (field == (1, 2)).all()
