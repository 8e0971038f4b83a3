"""What settings are refused, in which words, and what they resolve to."""

from itertools import pairwise

import pytest

from nvcodec.bitstream import INTER, INTRA, ModelConfig
from nvcodec.bitstream.errors import InconsistentStream
from nvcodec.encoder.errors import SettingsInvalid
from nvcodec.encoder.presets import HYBRID_PRESETS, PRESETS
from nvcodec.encoder.settings import EncodeSettings
from tests.streams import TINY, TINY_INTER, TINY_INTRA


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"preset": "slow"}, "preset 'slow': known are ultrafast, fast, medium, veryslow"),
        ({"quality": 50, "lam": 0.1}, "quality and lam: only one of quality, lam, size_bytes, bitrate may be given"),
        ({"size_bytes": 9, "bitrate": 1}, "size_bytes and bitrate: only one of"),
        ({"quality": 100.5}, "quality is 100.5, allowed is 0 to 100"),
        ({"quality": -1}, "quality is -1, allowed is 0 to 100"),
        ({"quality": float("nan")}, "quality is nan, allowed is 0 to 100"),
        ({"lam": 0}, "lam is 0, allowed is above 0"),
        ({"lam": float("nan")}, "lam is nan, allowed is above 0"),
        ({"size_bytes": 0}, "size_bytes is 0, allowed is above 0"),
        ({"bitrate": -5}, "bitrate is -5, allowed is above 0"),
        ({"tune": "ssim"}, "tune is 'ssim', allowed is psnr in the hybrid profile"),
        ({"tune": "vmaf"}, "tune is 'vmaf', allowed is psnr or ssim"),
        ({"profile": "grid", "gop_length": 0}, "gop_length is 0, allowed is 1 to 1024"),
        ({"profile": "grid", "gop_length": 1025}, "gop_length is 1025, allowed is 1 to 1024"),
        ({"profile": "motion", "gop_length": 65}, "gop_length is 65, allowed is 1 to 64 in the motion profile"),
        ({"profile": "other"}, "profile is 'other', allowed is grid or motion"),
        ({"keyint": 0}, "keyint is 0, allowed is at least 1"),
        ({"block_log2": 2}, "block_log2 is 2, allowed is 3 to 6"),
        ({"block_log2": 7}, "block_log2 is 7, allowed is 3 to 6"),
        ({"segment_length": 0}, "segment_length is 0, allowed is at least 1"),
        ({"epochs": 0}, "epochs is 0, allowed is above 0"),
        ({"digest_bytes": 3}, "digest_bytes is 3, allowed is 1, 2, 4 or 8"),
        ({"threads": -1}, "threads is -1, allowed is at least 0"),
        ({"pooling": "median"}, "pooling is 'median', allowed is area or max"),
    ],
)
def test_refused(changes: dict, message: str) -> None:
    with pytest.raises(SettingsInvalid) as error:
        EncodeSettings(**changes).validate()
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"quality": 0},
        {"quality": 100},
        {"lam": 1e-9},
        {"gop_length": 64},
        {"epochs": 0.5},
        {"digest_bytes": 8},
        {"profile": "grid", "gop_length": 1024},
        {"profile": "grid", "tune": "ssim"},
        {"block_log2": 3},
        {"block_log2": 6},
        {"keyint": 1},
    ],
)
def test_accepted(changes: dict) -> None:
    EncodeSettings(**changes).validate()


def test_profiles_have_gop_lengths_of_their_own() -> None:
    assert EncodeSettings().profile == "hybrid"
    assert EncodeSettings().resolved_gop_length() == 16
    assert EncodeSettings(profile="motion").resolved_gop_length() == 16
    assert EncodeSettings(profile="grid").resolved_gop_length() == 33
    assert EncodeSettings(gop_length=5).resolved_gop_length() == 5


def test_quality_is_lambda_on_a_logarithmic_scale() -> None:
    lambdas = [EncodeSettings(quality=quality).resolved_lambda() for quality in (0, 25, 50, 75, 100)]
    assert lambdas == sorted(lambdas, reverse=True)
    ratios = [b / a for a, b in pairwise(lambdas)]
    assert ratios == pytest.approx([ratios[0]] * 4)
    assert EncodeSettings().resolved_lambda() == EncodeSettings(quality=50).resolved_lambda()
    assert EncodeSettings(lam=0.125).resolved_lambda() == 0.125


def test_epochs_replace_the_presets() -> None:
    assert EncodeSettings(preset="fast").resolved_preset() == HYBRID_PRESETS["fast"]
    assert EncodeSettings(profile="grid", preset="fast").resolved_preset() == PRESETS["fast"]
    assert EncodeSettings(profile="grid", preset="fast", epochs=3).resolved_preset().epochs == 3


def test_epochs_of_a_network_need_two_coding_passes() -> None:
    """Between which it is fitted."""
    assert EncodeSettings(preset="ultrafast").resolved_preset().coding_passes == 1
    given = EncodeSettings(preset="ultrafast", epochs=3).resolved_preset()
    assert (given.epochs, given.coding_passes) == (3, 2)


def test_presets_grow() -> None:
    assert list(PRESETS) == ["ultrafast", "fast", "medium", "veryslow"]
    epochs = [preset.epochs for preset in PRESETS.values()]
    assert epochs == sorted(epochs)


def test_models() -> None:
    assert EncodeSettings(profile="grid", model=TINY).resolved_models(10**9) == (TINY,)
    small, large = (EncodeSettings(profile="grid").resolved_models(pixels) for pixels in (10_000, 10**9))
    assert small != large
    for model in (*small, *large):
        model.validate()


def test_models_of_the_motion_profile() -> None:
    given = EncodeSettings(profile="motion", model=TINY_INTRA, inter_model=TINY_INTER)
    assert given.resolved_models(10**9) == (TINY_INTRA, TINY_INTER)
    for chroma_format, base_model in (("420", 2), ("400", 0), ("422", 0), ("444", 0)):
        intra, inter = EncodeSettings(profile="motion").resolved_models(10**9, chroma_format)
        assert (intra.role, inter.role) == (INTRA, INTER)
        assert (intra.base_model, inter.base_model) == (base_model, base_model)
        intra.validate()
        inter.validate()


def test_networks_get_the_role_that_they_are_given_for() -> None:
    settings = EncodeSettings(profile="motion", model=ModelConfig(), inter_model=ModelConfig(fusion_count=2))
    assert [model.role for model in settings.resolved_models(1)] == [INTRA, INTER]
    with pytest.raises(InconsistentStream, match="role intra cannot have"):
        EncodeSettings(profile="motion", model=TINY, inter_model=TINY_INTER).resolved_models(1)


def test_fingerprint_names_what_the_result_depends_on() -> None:
    given = {"profile": "grid", "seed": 3, "model": TINY}
    settings = EncodeSettings(**given)
    assert settings.fingerprint() == EncodeSettings(**given, threads=2, device="cpu").fingerprint()
    for other in ({"seed": 4}, {"tune": "ssim"}, {"pooling": "max"}, {"multi_scale": False}, {"digest_bytes": 8}):
        changed = EncodeSettings(**{**given, **other}).fingerprint()
        differing = {name for name, value in changed.items() if value != settings.fingerprint()[name]}
        assert differing == set(other)
