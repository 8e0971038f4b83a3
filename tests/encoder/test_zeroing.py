"""Greedy steps towards zero: only where they lower the cost, and only towards zero."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from nvcodec.bitstream import ModelConfig
from nvcodec.encoder.crop import whole
from nvcodec.encoder.picture_model import Latents, PictureModel
from nvcodec.encoder.zeroing import Zeroing
from nvcodec.synthesis.arithmetic import level_size
from tests.streams import TINY_INTER, TINY_INTRA

HEIGHT, WIDTH = 32, 48
ROUNDS = 3
NETWORKS = {"intra": TINY_INTRA, "inter": TINY_INTER}
HUGE = 1e9

Distortion = Callable[[Latents], Tensor]


def picture_model(config: ModelConfig) -> PictureModel:
    torch.manual_seed(3)
    model = PictureModel(config, "420", HEIGHT, WIDTH, torch.device("cpu"))
    model.look_at(whole(HEIGHT, WIDTH))
    return model


def rows_of(config: ModelConfig) -> Tensor:
    return torch.tensor([config.step_rows - 1])


def some_latents(config: ModelConfig, spread: float = 2.0) -> Latents:
    """Integers, coarsest level first, as the fit has them; about a third are 0."""
    torch.manual_seed(4)
    shapes = {level: (1, config.levels[level].grid_channels, *level_size(HEIGHT, WIDTH, level)) for level in range(5)}
    return {level: torch.round(spread * torch.randn(shapes[level])) for level in config.grid_levels}


def distance_to(targets: Latents, weight: float = 1.0) -> Distortion:
    """Squared, so that the second-order expansion is exact."""

    def distortion(latents: Latents) -> Tensor:
        errors = [(latents[level] - target).square().sum() for level, target in targets.items()]
        return weight * torch.stack(errors).sum()

    return distortion


def synthesised(model: PictureModel, latents: Latents, rows: Tensor) -> Distortion:
    """Squared error beside the picture that these latents make, with noise."""
    window = None
    if model.config.role == "inter":
        sizes = whole(HEIGHT, WIDTH).sizes()
        window = {level: 0.2 * torch.randn((1, 12, *sizes[level])) for level in range(4)}
    with torch.no_grad():
        original = model.pictures(latents, rows, window)[0]
        original = original + 0.05 * original.std() * torch.randn(original.shape)

    def distortion(seen: Latents) -> Tensor:
        return (model.pictures(seen, rows, window)[0] - original).square().mean()

    return distortion


def coupled(latents: Latents) -> Distortion:
    """Steps that are harmless one by one, and spoil everything together."""
    kept = sum(value.sum() for value in latents.values())
    sizes = sum(value.abs().sum() for value in latents.values())

    def distortion(seen: Latents) -> Tensor:
        magnitude = torch.stack([value.abs().sum() for value in seen.values()]).sum()
        total = torch.stack([value.sum() for value in seen.values()]).sum()
        return ((magnitude - sizes) / 8) ** 4 + 0.01 * (total - kept) ** 2

    return distortion


def costs(
    model: PictureModel, latents: Latents, rows: Tensor, distortion: Distortion, rate_weight: float
) -> tuple[float, float]:
    """(cost, bits)."""
    with torch.no_grad():
        bits = float(model.bits(latents, latents, rows).sum())
        return float(distortion(latents)) + rate_weight * bits, bits


def fair_weight(model: PictureModel, latents: Latents, distortion: Distortion) -> float:
    """At which all bits together cost 0.3 of what dropping every latent would spoil."""
    nothing = {level: torch.zeros_like(value) for level, value in latents.items()}
    rows = rows_of(model.config)
    spoiled, bits = costs(model, nothing, rows, distortion, 0.0)[0], costs(model, latents, rows, distortion, 0.0)[1]
    return 0.3 * spoiled / bits


def zeroed(model: PictureModel, latents: Latents, distortion: Distortion, rate_weight: float, seed: int = 0) -> Zeroing:
    return Zeroing(model, latents, rows_of(model.config), distortion, rate_weight, seed)


def equal(a: Latents, b: Latents) -> bool:
    return list(a) == list(b) and all(torch.equal(a[level], b[level]) for level in a)


@pytest.mark.parametrize("rate_weight", [0.0, 1e-6, 1e-4, 1e-2, 1.0])
@pytest.mark.parametrize("kind", ["synthesised", "quadratic", "coupled"])
@pytest.mark.parametrize("network", NETWORKS)
def test_it_never_costs_more_and_only_moves_towards_zero(network: str, kind: str, rate_weight: float) -> None:
    model = picture_model(NETWORKS[network])
    latents, rows = some_latents(model.config), rows_of(model.config)
    kept = {level: value.clone() for level, value in latents.items()}
    noisy = {level: value + 0.4 * torch.randn(value.shape) for level, value in latents.items()}
    distortion = {
        "synthesised": lambda: synthesised(model, latents, rows),
        "quadratic": lambda: distance_to(noisy),
        "coupled": lambda: coupled(latents),
    }[kind]()
    zeroing = zeroed(model, latents, distortion, rate_weight)
    cost, _ = costs(model, latents, rows, distortion, rate_weight)
    assert zeroing.cost == pytest.approx(cost, rel=1e-5)
    found = zeroing.run(ROUNDS)
    after, _ = costs(model, found, rows, distortion, rate_weight)
    assert zeroing.cost == pytest.approx(after, rel=1e-5)
    assert after <= cost
    assert equal(latents, kept), "what was given is left as it was"
    assert list(found) == list(latents)
    for level, value in found.items():
        assert torch.equal(value, torch.round(value))
        assert bool(((value * kept[level] >= 0) & (value.abs() <= kept[level].abs())).all())
        assert not value.requires_grad


@pytest.mark.parametrize("network", NETWORKS)
def test_more_rounds_never_cost_more(network: str) -> None:
    model = picture_model(NETWORKS[network])
    latents, rows = some_latents(model.config), rows_of(model.config)
    distortion, found = synthesised(model, latents, rows), []
    rate_weight = fair_weight(model, latents, distortion)
    for rounds in range(4):
        zeroing = zeroed(model, latents, distortion, rate_weight)
        zeroing.run(rounds)
        found.append(zeroing.cost)
    assert found == sorted(found, reverse=True)
    assert found[-1] < found[0]


@pytest.mark.parametrize("network", NETWORKS)
def test_where_bits_are_all_that_counts_everything_goes(network: str) -> None:
    model = picture_model(NETWORKS[network])
    latents = some_latents(model.config)
    found = zeroed(model, latents, distance_to(latents), HUGE).run(ROUNDS)
    assert not any(bool(value.any()) for value in found.values())


@pytest.mark.parametrize("network", NETWORKS)
def test_where_bits_are_free_the_best_latents_stay(network: str) -> None:
    model = picture_model(NETWORKS[network])
    latents = some_latents(model.config)
    assert equal(zeroed(model, latents, distance_to(latents), 0.0).run(ROUNDS), latents)


def test_nothing_but_zeros() -> None:
    model = picture_model(TINY_INTER)
    latents = {level: torch.zeros_like(value) for level, value in some_latents(TINY_INTER).items()}
    assert equal(zeroed(model, latents, distance_to(latents), 1.0).run(ROUNDS), latents)


def test_exactly_the_steps_that_pay_are_taken() -> None:
    """Bits are free and the distortion is least between each latent and its smaller neighbour: the nearer wins."""
    model = picture_model(TINY_INTRA)
    latents = some_latents(TINY_INTRA)
    back = {level: torch.rand(value.shape) for level, value in latents.items()}
    targets = {level: value - back[level] * torch.sign(value) for level, value in latents.items()}
    found = zeroed(model, latents, distance_to(targets), 0.0).run(ROUNDS)
    for level, value in latents.items():
        expected = torch.where(back[level] > 0.5, value - torch.sign(value), value)
        assert torch.equal(found[level], expected)
        assert not torch.equal(found[level], value)


def test_a_useless_level_is_dropped_whole_and_the_others_stay() -> None:
    model = picture_model(TINY_INTRA)
    latents = some_latents(TINY_INTRA, spread=6)
    dropped = max(latents)
    rest = {level: value for level, value in latents.items() if level != dropped}
    # no single step would lead there: each costs far more than it saves
    found = zeroed(model, latents, distance_to(rest, weight=1e3), 1e-3).run(0)
    assert not bool(found[dropped].any())
    assert equal({level: found[level] for level in rest}, rest)


def test_steps_that_spoil_together_are_taken_in_part() -> None:
    model = picture_model(TINY_INTRA)
    latents = some_latents(TINY_INTRA)
    distortion, rate_weight = coupled(latents), 0.5
    zeroing = zeroed(model, latents, distortion, rate_weight)
    assert zeroing._round()
    moved = sum(float((latents[level] != value).sum()) for level, value in zeroing.latents.items())
    could = sum(float((value != 0).sum()) for value in latents.values())
    assert 0 < moved < could


@pytest.mark.parametrize("network", NETWORKS)
def test_bits_are_saved_where_a_picture_can_do_without(network: str) -> None:
    model = picture_model(NETWORKS[network])
    latents, rows = some_latents(model.config), rows_of(model.config)
    distortion = synthesised(model, latents, rows)
    found = zeroed(model, latents, distortion, fair_weight(model, latents, distortion)).run(ROUNDS)
    before, after = (costs(model, each, rows, distortion, 0.0)[1] for each in (latents, found))
    assert 0.2 * before < after < 0.9 * before
    assert any(bool(value.any()) for value in found.values())


def test_the_same_seed_gives_the_same_latents() -> None:
    model = picture_model(TINY_INTER)
    latents, rows = some_latents(TINY_INTER), rows_of(TINY_INTER)
    distortion = synthesised(model, latents, rows)
    rate_weight = fair_weight(model, latents, distortion)
    first = zeroed(model, latents, distortion, rate_weight, seed=7).run(ROUNDS)
    torch.manual_seed(123)
    assert equal(zeroed(model, latents, distortion, rate_weight, seed=7).run(ROUNDS), first)
    assert not equal(first, latents)
