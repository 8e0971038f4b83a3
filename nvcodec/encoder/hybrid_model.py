"""The hybrid profile's network in the fit: what it makes of a coded picture's window, with gradients.

It starts from nothing that changes the picture: the heads' weights are zero.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nvcodec.bitstream.model_config import ModelConfig
from nvcodec.decoder.network_unit import base_level
from nvcodec.encoder.crop import Crop
from nvcodec.encoder.model import UNIT, FitOperations, NetworkParameters
from nvcodec.synthesis import arithmetic
from nvcodec.synthesis.embedding import QP_GAIN, QP_MIDDLE
from nvcodec.synthesis.layers import COARSEST
from nvcodec.synthesis.network import synthesise


class HybridModel(nn.Module):
    """One network for all pictures of a segment."""

    def __init__(self, config: ModelConfig, chroma_format: str, height: int, width: int, device: torch.device):
        super().__init__()
        self.config = config
        self.network = NetworkParameters(config, chroma_format, 0)
        with torch.no_grad():
            for parameters in self.network.layers.values():
                if parameters.layer.name in ("head", "context_output"):
                    parameters.weight.zero_()
        self.to(device)
        self.ops = FitOperations(self.network, height, width)

    @property
    def device(self) -> torch.device:
        """Where its parameters are."""
        return self.ops.kernel.device

    def start_from_base(self) -> None:
        """Take over the weights of the base model that the configuration names; from then on they are rounded."""
        for level in range(len(self.config.levels)):
            tensors = base_level(self.config, level, self.network.chroma_format)
            for parameters in self.network.layers_of(level):
                name = parameters.layer.name
                parameters.start_from(
                    tensors.values[name, "weight"],
                    tensors.values[name, "bias"],
                    tensors.shifts[name, "weight"],
                    tensors.shifts[name, "bias"],
                )
        self.ops.exact = True

    def look_at(self, crop: Crop) -> None:
        """Everything that follows is about this part of the pictures."""
        self.ops.sizes = crop.sizes()

    def pictures(self, window: dict[int, Tensor], qp: Tensor, finest: int = 0) -> dict[int, Tensor]:
        """Packed pictures by level, 3 .. finest, samples over the sample range less one half.

        window: by level, (N, 2P, h, w), integers over 1024; qp: (N,).
        """
        height, width = self.ops.sizes[COARSEST]
        seen = ((qp - QP_MIDDLE) * (QP_GAIN / UNIT)).view(-1, 1, 1, 1).expand(-1, 1, height, width)
        packed = synthesise(self.ops, self.config, {COARSEST: seen}, finest, window)
        gain = UNIT / (1 << arithmetic.PICTURE_FRACTION_BITS)
        return {level: picture * gain for level, picture in packed.items()}
