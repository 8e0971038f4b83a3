"""Damage stays local: what a unit's loss costs, what is put instead, and that every wrong picture is said to be."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nvcodec.bitstream import (
    ContainerReader,
    DigestPayload,
    Place,
    SegmentHeader,
    SequenceHeader,
    UnitKey,
    UnitType,
    read_payload,
    write_payload,
)
from nvcodec.bitstream.errors import UnitDamaged
from nvcodec.decoder import Decoder
from nvcodec.decoder.conceal import Loss
from nvcodec.video import Frame
from tests.robustness.conftest import CORPUS, corpus_stream, right_pictures
from tests.robustness.mutate import take_apart
from tests.streams import damage, rewrite, same_planes, write_file

GREY = 128


def conceal(data: bytes, **options: object) -> tuple[list[Frame], list[Loss]]:
    with Decoder(data, backend="numpy", conceal=True, **{"threads": 1, **options}) as decoder:
        return list(decoder), decoder.losses


def whole(shown: list[Frame], right: list[Frame]) -> list[int]:
    """Numbers of the pictures that are exactly right."""
    assert [frame.pts for frame in shown] == [frame.pts for frame in right]
    return [i for i, (a, b) in enumerate(zip(shown, right, strict=True)) if same_planes(a, b)]


def stated(losses: list[Loss]) -> set[int]:
    return {number for loss in losses for number in range(loss.first, loss.last + 1)}


def repeats(a: Frame, b: Frame) -> bool:
    return all(np.array_equal(p, q) for p, q in zip(a.planes, b.planes, strict=True))


def test_nothing_is_lost_of_a_whole_stream(name: str) -> None:
    shown, losses = conceal(corpus_stream(name), verify=True)
    assert losses == []
    assert len(whole(shown, right_pictures(name))) == len(shown)


def test_every_unit_in_turn(name: str) -> None:
    """At most the unit's GoP and what hangs on it is lost, all of that is stated, and the count of pictures stands."""
    data, right = corpus_stream(name), right_pictures(name)
    with Decoder(data, threads=1) as decoder:
        gops = decoder.gops
    for key, _ in take_apart(data):
        broken = damage(data, [key])
        if key.unit_type in (UnitType.SEQUENCE, UnitType.SEGMENT):
            with pytest.raises(UnitDamaged, match=f"{UnitType(key.unit_type).name} unit"):
                conceal(broken)
            continue
        shown, losses = conceal(broken)
        wrong = set(range(len(right))) - set(whole(shown, right))
        assert wrong <= stated(losses), key
        if key.unit_type == UnitType.DIGEST:
            assert not losses
            continue
        assert losses, key
        if key.unit_type in (UnitType.GOP, UnitType.MOTION):
            end = next((place.first for place in gops[key.gop + 1 :] if not place.open), len(right))
            assert wrong <= set(range(gops[key.gop].first, end)), key
        if (key.gop, key.level) == (1, 4):
            again, losses_again = conceal(broken, threads=2)
            assert losses_again == losses
            assert all(map(repeats, again, shown))


def test_without_it_the_first_damage_stops_the_decode(name: str) -> None:
    key = UnitKey(UnitType.GOP, 0, 1, 4)
    with Decoder(damage(corpus_stream(name), [key]), threads=1) as decoder:
        with pytest.raises(UnitDamaged):
            list(decoder)
        assert decoder.losses == []


def test_a_level_costs_itself_alone_where_no_other_is_coded_in_its_context() -> None:
    key = UnitKey(UnitType.GOP, 0, 0, 4)
    _, losses = conceal(damage(corpus_stream("grid_independent_levels"), [key]))
    (loss,) = losses
    assert (loss.what, loss.first, loss.last) == (str(key), 0, 2)
    assert loss.instead == "latents of level 4 are zeros"
    assert "byte " in loss.cause
    assert "CRC" in loss.cause


def test_levels_in_the_context_of_a_lost_one_go_with_it() -> None:
    _, losses = conceal(damage(corpus_stream("grid"), [UnitKey(UnitType.GOP, 0, 1, 4)]))
    assert [loss.what[-8:] for loss in losses] == ["level 4)", "level 3)"]
    assert losses[1].cause == "coded in the context of level 4"


def test_a_reduced_size_does_not_miss_finer_levels(name: str) -> None:
    level = 1
    with ContainerReader(corpus_stream(name)) as container:
        keys = [e.key for e in container.entries if e.key.level == level]
    shown, losses = conceal(damage(corpus_stream(name), keys), scale="1/4")
    assert losses == []
    assert len(whole(shown, right_pictures(name, "1/4"))) == len(shown)


def test_a_gop_without_any_level_repeats_the_picture_before() -> None:
    keys = [UnitKey(UnitType.GOP, 0, 1, level) for level in (1, 3, 4)]
    shown, losses = conceal(damage(corpus_stream("grid"), keys))
    assert whole(shown, right_pictures("grid")) == [0, 1, 2]
    assert all(repeats(frame, shown[2]) for frame in shown[3:])
    assert losses[-1].what == "GoP (segment 0, gop 1)"


def test_lost_vectors_repeat_the_picture_before_and_taint_the_open_gops_after() -> None:
    shown, losses = conceal(damage(corpus_stream("motion"), [UnitKey(UnitType.MOTION, 0, 1)]))
    right = right_pictures("motion")
    assert all(repeats(frame, right[0]) for frame in shown[1:4])
    assert {6, 7, 8} <= set(whole(shown, right))  # a closed GoP
    assert [(loss.first, loss.last) for loss in losses] == [(1, 3), (4, 5)]
    assert "damaged" in losses[1].instead


def test_a_lost_network_leaves_grey_where_nothing_came_before(name: str) -> None:
    shown, losses = conceal(damage(corpus_stream(name), [UnitKey(UnitType.NETWORK, 0, 0, 2)]))
    assert stated(losses) == set(range(len(shown)))
    assert all((frame.planes[0] == GREY).all() for frame in shown)
    assert len(losses) == 1


def test_seeking_into_damage(name: str) -> None:
    broken = damage(corpus_stream(name), [UnitKey(UnitType.GOP, 0, 1, 4), UnitKey(UnitType.MOTION, 0, 3)][:1])
    right = right_pictures(name)
    with Decoder(broken, backend="numpy", threads=1, conceal=True) as decoder:
        for number in (4, 0, len(right) - 1):
            frame = decoder[number]
            assert frame.pts == number
            assert number in stated(decoder.losses) or same_planes(frame, right[number])
        once = decoder.losses
        assert decoder[4].pts == 4
        assert decoder.losses == once


def test_wrong_words_behind_a_right_crc_spoil_no_picture_silently(name: str) -> None:
    """They are found at the words' end, when in a strict decode the GoP's first pictures are out."""

    def turn(key: UnitKey, payload: bytes) -> bytes:
        if (key.unit_type, key.gop, key.level) != (UnitType.GOP, 1, 4):
            return payload
        return payload[:-4] + bytes([payload[-4] ^ 0x10]) + payload[-3:]

    shown, losses = conceal(rewrite(corpus_stream(name), turn))
    right = right_pictures(name)
    assert "state" in losses[0].cause
    assert set(range(len(right))) - set(whole(shown, right)) <= stated(losses)


def test_every_cut_leaves_what_is_whole_before_it(name: str) -> None:
    data, right = corpus_stream(name), right_pictures(name)
    with ContainerReader(data) as container:
        entries = container.entries
    after = {entry.offset + entry.size for entry in entries if entry.key.unit_type == UnitType.SEGMENT}
    for entry in entries:
        if entry.offset < max(after):
            continue
        shown, losses = conceal(data[: entry.offset + 3])
        wrong = set(range(len(right))) - set(whole(shown, right))
        assert wrong <= stated(losses)
        complete = [e.key for e in entries if e.offset + e.size <= entry.offset + 3]
        gop = entry.key.gop if entry.key.unit_type in (UnitType.GOP, UnitType.MOTION) else None
        if gop is not None:
            with Decoder(data, threads=1) as decoder:
                assert wrong <= set(range(decoder.gops[gop].first, len(right))), complete
        elif entry.key.unit_type == UnitType.INDEX:
            assert losses == []


def two_segments() -> bytes:
    """The grid stream, and itself once more as a second segment."""
    first = take_apart(corpus_stream("grid"))
    sequence = read_payload(SequenceHeader(), first[0][1], Place("test"))
    sequence.picture_count, sequence.segment_count = 10, 2
    second = [(UnitKey(key.unit_type, 1, key.gop, key.level), payload) for key, payload in first[1:]]
    segment = read_payload(SegmentHeader(), second[0][1], Place("test"))
    segment.first_picture = 5
    second[0] = (second[0][0], write_payload(segment))
    return write_file([(first[0][0], write_payload(sequence)), *first[1:], *second])


def test_segments_after_a_cut_or_lost_in_the_middle() -> None:
    """Two segments of 5 pictures; the second's header lies behind the cut, or either is damaged."""
    data, right = two_segments(), right_pictures("grid")
    second = UnitKey(UnitType.SEGMENT, 1)
    with ContainerReader(data) as container:
        cut = container.find(second).offset + 5
    for broken in (data[:cut], damage(data, [second])):
        shown, losses = conceal(broken)
        assert len(shown) == 10
        assert whole(shown[:5], right) == [0, 1, 2, 3, 4]
        assert all(repeats(frame, right[4]) for frame in shown[5:])
        assert [(loss.what, loss.first, loss.last) for loss in losses] == [(str(second), 5, 9)]
    shown, losses = conceal(damage(data, [UnitKey(UnitType.SEGMENT, 0)]))
    assert all(map(repeats, shown[5:], right))
    assert [(loss.first, loss.last) for loss in losses] == [(0, 4)]


def test_a_damaged_index_costs_nothing(name: str) -> None:
    shown, losses = conceal(damage(corpus_stream(name), [UnitKey(UnitType.INDEX)]), verify=True)
    assert losses == []
    assert len(whole(shown, right_pictures(name))) == len(shown)


def test_verification_goes_on_beside_damage() -> None:
    """A digest that is lost, and one that does not fit, are stated; the pictures are shown as they were decoded."""
    data, right = corpus_stream("grid"), right_pictures("grid")
    lost = UnitKey(UnitType.DIGEST, 0, 0)
    shown, losses = conceal(damage(data, [lost]), verify=True)
    assert len(whole(shown, right)) == 5
    assert [(loss.what, loss.instead) for loss in losses] == [(str(lost), "not verified")]
    wrong = DigestPayload(2, 2, {0: [b"\0\0", b"\0\0"]})
    units = [(k, write_payload(wrong) if k == UnitKey(UnitType.DIGEST, 0, 1) else p) for k, p in take_apart(data)]
    shown, losses = conceal(write_file(units), verify=True)
    assert [loss.what for loss in losses] == ["picture 3", "picture 4"]
    assert len(whole(shown, right)) == 5


def nvdec(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "nvcodec.cli.nvdec", *map(str, arguments), "--backend", "numpy", "--threads", "1"]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True)


def test_the_command_says_what_was_lost_and_exits_with_3(tmp_path: Path) -> None:
    data = damage(corpus_stream("grid"), [UnitKey(UnitType.GOP, 0, 1, 3)])
    (tmp_path / "hurt.msn").write_bytes(data)
    ran = nvdec("hurt.msn", "-o", "out.yuv", "--conceal", "-q", cwd=tmp_path)
    assert ran.returncode == 3
    (line,) = ran.stderr.splitlines()
    assert line.startswith("nvdec: lost: GOP unit (segment 0, gop 1, level 3): pictures 3 to 4: latents of level 3")
    expected = b"".join(frame.tobytes() for frame in right_pictures("grid"))
    found = (tmp_path / "out.yuv").read_bytes()
    assert len(found) == len(expected)
    assert found[: 3 * 18 * 16] == expected[: 3 * 18 * 16]
    strict = nvdec("hurt.msn", "-o", "strict.yuv", "-q", cwd=tmp_path)
    assert (strict.returncode, (tmp_path / "strict.yuv").exists()) == (1, False)
    sound = nvdec(CORPUS / "grid.msn", "-o", "sound.yuv", "--conceal", "-q", cwd=tmp_path)
    assert (sound.returncode, sound.stderr) == (0, "")
