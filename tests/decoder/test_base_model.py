"""Base models are normative: their files never change, and the specification says which ones they are."""

import hashlib
from importlib.resources import files
from pathlib import Path

import pytest

from nvcodec.bitstream import INTER, INTRA
from nvcodec.decoder.network_unit import base_config, base_level
from nvcodec.encoder.presets import motion_models
from nvcodec.synthesis.weights import ConvWeights, check_bound

SPECIFICATION = Path(__file__).resolve().parents[2] / "bitstream_spec.md"


@pytest.mark.parametrize("number", [2, 3, 4])
def test_the_file_is_the_specifications(number: int) -> None:
    data = files("nvcodec.decoder").joinpath(f"base_models/{number}.msn").read_bytes()
    assert hashlib.sha256(data).hexdigest() in SPECIFICATION.read_text(encoding="utf-8")


@pytest.mark.parametrize("role", [INTRA, INTER])
def test_the_presets_networks_are_its(role: str) -> None:
    config = motion_models("420")[int(role == INTER)]
    assert config == base_config(2, role)
    for level in range(len(config.levels)):
        tensors = base_level(config, level, "420")
        assert tensors.step.size == config.levels[level].grid_channels * config.step_rows
        for (layer, part), values in tensors.values.items():
            if part == "weight":
                bias = tensors.values[layer, "bias"] << tensors.shifts[layer, "bias"]
                check_bound(f"level {level}", layer, ConvWeights(values, bias, tensors.shifts[layer, "weight"]))
