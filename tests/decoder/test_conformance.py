"""Every stream decodes to its digests at every scale, by every backend, on one thread and on two."""

import numpy as np
import pytest

from nvcodec.bitstream import UnitType
from nvcodec.decoder import Decoder
from nvcodec.decoder.decoder import SCALES
from nvcodec.video.scaling import area_downscale
from tests.streams import CASES, same_planes, stream


def test_the_matrix_covers_formats_and_depths() -> None:
    assert len(CASES) >= 12
    assert {(case.chroma_format, case.bit_depth) for case in CASES.values()} == {
        (chroma_format, depth) for chroma_format in ("400", "420", "422", "444") for depth in (8, 10, 12)
    }
    assert {(case.width % 2, case.height % 2) for case in CASES.values()} == {(0, 0), (0, 1), (1, 0), (1, 1)}


@pytest.mark.parametrize("backend", ["numpy", "onnxruntime", "torch"])
@pytest.mark.parametrize("name", CASES)
def test_all_scales_and_threads_match_the_digests(name: str, backend: str) -> None:
    case, (data, _) = CASES[name], stream(name)
    for number, scale in enumerate(SCALES):
        # numpy is slow: one or two threads in turn
        for threads in (1, 2) if backend != "numpy" else (1 + number % 2,):
            with Decoder(data, scale=scale, backend=backend, threads=threads, verify=True) as decoder:
                assert decoder.format == case.video.scaled(number)
                frames = list(decoder)
            assert [frame.pts for frame in frames] == list(range(case.count))
            assert all(frame.format == decoder.format for frame in frames)


@pytest.mark.parametrize("name", ["plain", "no gop grid", "no hidden context layer", "one picture"])
def test_the_summary_tells_what_decodes(name: str) -> None:
    """PSNR by scale as a user would measure it, and a picture that resembles the source."""
    case, (data, summary) = CASES[name], stream(name)
    originals = case.frames()
    assert summary.file_bytes == len(data)
    assert summary.picture_count == case.count
    for number, scale in enumerate(SCALES):
        with Decoder(data, scale=scale, backend="numpy", threads=1) as decoder:
            peak, luma_db = (1 << case.bit_depth) - 1, []
            for frame in decoder:
                original = area_downscale(originals[frame.pts].planes, number)[0]
                luma_db.append(10 * np.log10(peak**2 / np.mean((original - frame.planes[0]) ** 2)))
        assert summary.psnr_y[scale] == pytest.approx(np.mean(luma_db), abs=1e-4)
        assert summary.psnr_y[scale] > 11


@pytest.mark.parametrize("name", CASES)
def test_grids_carry_something(name: str) -> None:
    """Guards the others: a matrix of all-zero grids would compare nothing."""
    with Decoder(stream(name)[0], scale="1/4", backend="numpy") as decoder:
        sizes = [entry.size for entry in decoder.container.entries if entry.key.unit_type == UnitType.GOP]
        assert max(sizes) > 40
        frames = list(decoder)
    assert all(plane.std() > 0 for frame in frames for plane in frame.planes)
    assert len(frames) == 1 or not same_planes(frames[0], frames[-1])
