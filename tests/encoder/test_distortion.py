"""The scale-adaptive loss."""

import pytest
import torch

from nvcodec.encoder.distortion import SHARES, ScaleAdaptiveLoss, ssim

Pictures = dict[int, torch.Tensor]


def originals(channels: int = 6, seed: int = 0) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.rand((2, channels, 16 >> scale, 24 >> scale), generator=generator) - 0.5 for scale in range(4)]


def shifted(pictures: list[torch.Tensor], luma: float, chroma: float) -> Pictures:
    """Decoded pictures that are off by constants."""
    decoded = {scale: picture.clone() for scale, picture in enumerate(pictures)}
    for picture in decoded.values():
        picture[:, :4] += luma
        picture[:, 4:] += chroma
    return decoded


@pytest.mark.parametrize("tune", ["psnr", "ssim"])
@pytest.mark.parametrize("channels", [4, 6, 8, 12])
def test_no_error_no_loss(tune: str, channels: int) -> None:
    targets = originals(channels)
    loss, mse = ScaleAdaptiveLoss(tune)(dict(enumerate(targets)), targets)
    assert loss.item() == pytest.approx(0, abs=1e-6)
    assert mse == [0.0] * 4


def test_squared_error_by_hand() -> None:
    targets = originals()
    loss, mse = ScaleAdaptiveLoss(adaptive=False)(shifted(targets, 0.1, 0.2), targets)
    assert mse == pytest.approx([0.01] * 4, rel=1e-4)
    assert loss.item() == pytest.approx(sum(SHARES) * (0.75 * 0.01 + 0.25 * 0.04), rel=1e-4)
    grey = originals(4)
    loss, _ = ScaleAdaptiveLoss(adaptive=False)(shifted(grey, 0.1, 0), grey)
    assert loss.item() == pytest.approx(sum(SHARES) * 0.01, rel=1e-4)


@pytest.mark.parametrize("tune", ["psnr", "ssim"])
def test_one_scale_is_squared_error_and_leaves_the_weights_alone(tune: str) -> None:
    targets, loss = originals(), ScaleAdaptiveLoss(tune)
    decoded = shifted(targets, 0.1, 0.2)
    loss(decoded, targets)
    state = loss.state()
    for scale in range(4):
        found = loss.one_scale(decoded[scale], targets[scale])
        assert found.item() == pytest.approx(0.75 * 0.01 + 0.25 * 0.04, rel=1e-4)
    assert loss.state() == state


def test_only_the_finest_scale_without_multi_scale() -> None:
    targets = originals()
    decoded = shifted(targets, 0.1, 0.1)
    spoiled = {**decoded, 1: decoded[1] + 9, 3: decoded[3] - 9}
    single = ScaleAdaptiveLoss(multi_scale=False)
    assert single(spoiled, targets)[0].item() == pytest.approx(0.01, rel=1e-4)


def test_a_scale_that_lags_weighs_more_within_limits() -> None:
    targets = originals()
    even = shifted(targets, 0.1, 0.1)
    for error, factor in ((0.1, 1.0), (0.15, 2.25), (0.9, 4.0), (0.001, 0.25)):
        decoded = {**even, 2: targets[2] + error}
        loss, _ = ScaleAdaptiveLoss()(decoded, targets)
        rest = sum(SHARES) - SHARES[2]
        assert loss.item() == pytest.approx(rest * 0.01 + SHARES[2] * factor * error**2, rel=1e-3)


def test_the_state_goes_on_where_it_was() -> None:
    targets, kept = originals(), ScaleAdaptiveLoss()
    for error in (0.3, 0.2, 0.1):
        kept({**shifted(targets, error, error), 1: targets[1] + 2 * error}, targets)
    resumed, fresh = ScaleAdaptiveLoss(), ScaleAdaptiveLoss()
    resumed.load(kept.state())
    saved = list(kept.state())
    last = shifted(targets, 0.05, 0.02)
    assert resumed(last, targets)[0].item() == kept(last, targets)[0].item() != fresh(last, targets)[0].item()
    assert resumed.state() == kept.state() != saved
    assert all(isinstance(value, float) for value in saved), "plain values, for the checkpoint"


def test_the_weights_stand_still_where_they_are_told_to() -> None:
    """So that losses can be compared with one another."""
    targets, loss = originals(), ScaleAdaptiveLoss()
    loss(shifted(targets, 0.1, 0.1), targets)
    state = loss.state()
    lagging = {**shifted(targets, 0.1, 0.1), 1: targets[1] + 0.9}
    first = loss(lagging, targets, learn=False)[0].item()
    loss(shifted(targets, 5.0, 5.0), targets, learn=False)
    assert loss(lagging, targets, learn=False)[0].item() == first
    assert loss.state() == state
    assert first == pytest.approx((sum(SHARES) - SHARES[1]) * 0.01 + SHARES[1] * 0.81, rel=1e-3)


def test_ssim() -> None:
    picture = torch.rand((1, 1, 20, 20), generator=torch.Generator().manual_seed(1)) - 0.5
    assert ssim(picture, picture).item() == pytest.approx(1, abs=1e-5)
    noise = torch.rand(picture.shape, generator=torch.Generator().manual_seed(2)) - 0.5
    slightly, badly = ssim(picture, picture + 0.05 * noise).item(), ssim(picture, noise).item()
    assert 1 > slightly > 0.9 > badly
    assert ssim(picture[..., :3, :2], picture[..., :3, :2]).item() == pytest.approx(1, abs=1e-5), "small pictures too"
