"""A wanted size: hit within 2 %, or refused."""

import pytest

from nvcodec.encoder.encode import ProgressEvent
from nvcodec.encoder.errors import SizeImpossible
from tests.streams import RATE, SLIM, encode_bytes, moving_frames, tiny_settings, video_format

FRAMES = moving_frames(video_format("400", 8, 64, 48), 8)


@pytest.mark.parametrize("wanted", [3000, 5000])
def test_size(wanted: int) -> None:
    """The preset's own length of fit. Fixed lambdas of 1e-3 and 1e-5 give some 4500 and 7900 bytes."""
    data, summary = encode_bytes(FRAMES, tiny_settings(epochs=None, lam=None, size_bytes=wanted, model=SLIM))
    assert abs(len(data) / wanted - 1) <= 0.02
    assert summary.file_bytes == len(data)


def test_an_impossible_size_is_refused_at_once() -> None:
    events: list[ProgressEvent] = []
    refused = r"the wanted size is 300 bytes; headers, digests and network need about \d+"
    bitrate = 300 * 8 / (len(FRAMES) / float(RATE))
    for changes in ({"size_bytes": 300}, {"bitrate": bitrate}):
        with pytest.raises(SizeImpossible, match=refused) as error:
            encode_bytes(FRAMES, tiny_settings(lam=None, **changes), progress=events.append)
        assert "\n" not in str(error.value)
    assert not any(event.phase == "fit" for event in events)


def test_a_size_below_what_the_network_needs_is_refused_after_the_fit() -> None:
    with pytest.raises(SizeImpossible, match=r"the smallest that was reached is \d+"):
        encode_bytes(FRAMES[:1], tiny_settings(lam=None, model=SLIM, size_bytes=700))
