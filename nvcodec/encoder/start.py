"""Where a fit of the motion profile starts: a base model's weights, and the analysis networks that were fitted with it.

The analysis networks serve the encoder alone: analysis_2.npz may change where the base model's file may not.
"""

from __future__ import annotations

import math
from functools import cache
from importlib.resources import as_file, files

import numpy as np
import torch
from torch import Tensor

from nvcodec.bitstream.model_config import INTER
from nvcodec.decoder.network_unit import base_level
from nvcodec.encoder.model import UNIT
from nvcodec.encoder.picture_model import PictureModel


@cache
def _analysis(base_model: int) -> dict[str, Tensor]:
    """Parameters by "network number/name"."""
    with as_file(files("nvcodec.encoder").joinpath(f"analysis_{base_model}.npz")) as path, np.load(path) as arrays:
        return {name: torch.from_numpy(arrays[name].astype(np.float32)) for name in arrays.files}


def start_from_base(model: PictureModel, chroma_format: str) -> None:
    """Take over the weights, steps and analysis of the base model that the model's configuration names."""
    config = model.config
    for level in range(len(config.levels)):
        tensors = base_level(config, level, chroma_format)
        for parameters in model.network.layers_of(level):
            name = parameters.layer.name
            parameters.start_from(
                tensors.values[name, "weight"],
                tensors.values[name, "bias"],
                tensors.shifts[name, "weight"],
                tensors.shifts[name, "bias"],
            )
        if config.levels[level].grid_channels:
            steps = torch.from_numpy(tensors.step.astype(np.float32)).clamp_min(1)
            with torch.no_grad():
                model.network.log_step[str(level)].copy_(steps.log() - math.log(UNIT))
    number = int(config.role == INTER)
    prefix = f"{number}/"
    kept = _analysis(config.base_model)
    model.analysis.load_state_dict(
        {name.removeprefix(prefix): value for name, value in kept.items() if name.startswith(prefix)}
    )
