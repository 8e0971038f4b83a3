"""What the steps of a motion fit look at, what they charge for, and by which measure pictures are refined."""

from collections import Counter
from functools import partial
from itertools import pairwise

import pytest
import torch

from nvcodec.bitstream import ModelConfig
from nvcodec.encoder import motion_fit as motion_fit_module
from nvcodec.encoder.crop import Crop, whole
from nvcodec.encoder.motion_fit import REDUCED_EVERY, MotionFit, deepest_depth, rate_factor
from nvcodec.encoder.picture_model import Latents
from nvcodec.encoder.run import Gop
from nvcodec.encoder.zeroing import Zeroing
from nvcodec.synthesis.structure import hierarchical_order
from tests.streams import MOTION_CASES, TINY_INTER, TINY_INTRA, gops_of, motion_fit


def fit_of(name: str, epochs: float = 12) -> MotionFit:
    case = MOTION_CASES[name]
    return motion_fit((case.model, case.inter_model), case.video, gops_of(case.count), epochs)


# Lambda


@pytest.mark.parametrize("opened", [False, True])
@pytest.mark.parametrize(("length", "deepest"), [(4, 2), (8, 3), (16, 4)])
def test_the_deepest_pictures_of_gops_of_every_length_weigh_alike(length: int, deepest: int, opened: bool) -> None:
    gop = Gop(3, length, open=opened)
    assert deepest_depth(gop) == deepest
    factors = [rate_factor(gop, depth) for depth in range(deepest + 1)]
    assert factors[-1] == 1.0
    assert [b / a for a, b in pairwise(factors[1:])] == pytest.approx([1.5] * (deepest - 1))
    assert factors[1] / factors[0] == pytest.approx(1.5 * 1.5), "an anchor, besides its depth"


def test_an_anchor_weighs_less_the_more_depends_on_it() -> None:
    factors = [rate_factor(Gop(0, length, open=True), 0) for length in (1, 2, 4, 8, 16)]
    assert factors == sorted(factors, reverse=True)
    assert factors[0] < 1
    assert len(set(factors)) == 5


def test_each_picture_has_its_gops_factor() -> None:
    gops = [Gop(0, 1), Gop(1, 8, open=True), Gop(9, 4, open=True)]
    fit = motion_fit((TINY_INTRA, TINY_INTER), MOTION_CASES["motion"].video, gops, 12)
    assert sorted(fit.rate_factors) == list(range(13))
    for gop in gops:
        for picture in hierarchical_order(gop.length, gop.open):
            assert fit.rate_factors[gop.first + picture.index] == rate_factor(gop, picture.depth)
    fit.work_done = fit.work
    weights = [fit.rate_weight(number) for number in range(13)]
    assert max(weights) == weights[1] == weights[9] == fit.lam, "the deepest of the long GoP and of the short one"
    assert weights[8] < weights[12] < weights[0], "anchors"


# Reduced scales and dropped latents


def test_every_other_step_looks_at_a_reduced_scale(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the picture has a window; at all of them, in time."""
    fit, looked = fit_of("one pass", epochs=100), []
    windows = fit._windows

    def watched(numbers: list[int], crop: Crop, scale_log2: int = 0) -> dict[int, torch.Tensor]:
        looked.append((fit.step_number, scale_log2))
        found = windows(numbers, crop, scale_log2)
        assert min(found) == scale_log2
        return found

    monkeypatch.setattr(fit, "_windows", watched)
    for _ in range(40):
        fit.step()
    with_window = [number for number, scale_log2 in looked if scale_log2 == 0]
    reduced = {number: scale_log2 for number, scale_log2 in looked if scale_log2}
    assert list(reduced) == [number for number in with_window if number % REDUCED_EVERY == 0]
    assert set(reduced.values()) == {1, 2, 3}


def test_a_reduced_window_counts_for_its_scale_alone() -> None:
    """The loss rises by that loop's squared error, whatever the window's scale; bits and errors reported don't move."""
    fit = fit_of("odd size")
    gop, picture = fit.order[-1]
    number, crop = fit._number(gop, picture), whole(fit.video.height, fit.video.width)
    fit._look_at(crop)
    originals, window = fit.targets.pictures([number]), fit._windows([number], crop)
    with torch.no_grad():
        model, rows = fit._model(picture), fit._rows([picture])
        latents = {level: torch.round(z) for level, z in model.propose(originals[0], window, rows).items()}
        state = fit.loss.state()

        def loss(*more: object) -> tuple[float, float, list[float]]:
            fit.noise.manual_seed(0)
            fit.loss.load(state)
            total, bits, mse = fit._loss([number], [picture], latents, window, originals, crop, "mixed", *more)
            return float(total), float(bits), mse

        plain, bits, mse = loss()
        for scale_log2 in (1, 2, 3):
            reduced = fit._windows([number], crop, scale_log2)
            seen = model.pictures(latents, rows, reduced, scale_log2)[scale_log2]
            error = float(fit.loss.one_scale(seen, originals[scale_log2]))
            both, other_bits, other_mse = loss(reduced, (), 0.5)
            assert (other_bits, other_mse) == (bits, mse)
            assert both - plain == pytest.approx(0.5 * error, rel=1e-2)


def test_dropped_levels_cost_nothing_and_show_nothing() -> None:
    fit = fit_of("motion")
    gop, picture = fit.order[-1]
    number, crop = fit._number(gop, picture), whole(fit.video.height, fit.video.width)
    fit._look_at(crop)
    originals, window = fit.targets.pictures([number]), fit._windows([number], crop)
    levels = sorted(TINY_INTER.grid_levels)
    with torch.no_grad():
        proposed = fit._model(picture).propose(originals[0], window, fit._rows([picture]))
        loss = partial(fit._loss, [number], [picture])
        kept = [
            loss(proposed, window, originals, crop, "mixed", None, levels[:count])[1].item()
            for count in range(len(levels) + 1)
        ]
        assert kept == sorted(kept, reverse=True)
        assert kept[0] > 0 == kept[-1]
        nothing: Latents = {level: torch.zeros_like(z) for level, z in proposed.items()}
        _, _, without = loss(proposed, window, originals, crop, "mixed", None, levels)
        _, _, of_zeros = loss(nothing, window, originals, crop, "mixed", None, ())
        assert without == of_zeros


@pytest.mark.parametrize(("config", "counts"), [(TINY_INTRA, {1, 2, 4}), (TINY_INTER, {1, 2, 3})])
def test_a_quarter_of_the_steps_do_without_the_finest_levels(config: ModelConfig, counts: set[int]) -> None:
    fit = fit_of("motion")
    levels = sorted(config.grid_levels)
    found = Counter(tuple(fit._drop(config)) for _ in range(4000))
    assert set(found) == {(), *(tuple(levels[:count]) for count in counts)}
    assert found[()] / 4000 == pytest.approx(0.75, abs=0.03)
    assert found[tuple(levels)] == max(number for dropped, number in found.items() if dropped)


# Refinement


def test_pictures_are_zeroed_by_one_measure(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loss's weights stand still meanwhile: what a picture's latents cost does not depend on what was tried."""
    fit, compared = fit_of("odd size", epochs=10), []
    fit.lam = 1e-3

    class Watched(Zeroing):
        def run(self, rounds: int) -> Latents:
            given, state = self.latents, fit.loss.state()
            found = super().run(rounds)
            assert fit.loss.state() == state
            with torch.no_grad():
                before, after = self._cost(given), self._cost(found)
            assert self.cost == pytest.approx(after, rel=1e-6)
            compared.append((before, after))
            return found

    monkeypatch.setattr(motion_fit_module, "Zeroing", Watched)
    while not fit.done:
        fit.step()
    assert len(compared) == 6
    assert all(after <= before for before, after in compared)
    assert any(after < before for before, after in compared)
