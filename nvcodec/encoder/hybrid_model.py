"""The hybrid profile's network in the fit: what it makes of a coded picture's window, with gradients.

It starts from nothing that changes the picture: the heads' weights are zero.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nvcodec.bitstream.model_config import ModelConfig
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
