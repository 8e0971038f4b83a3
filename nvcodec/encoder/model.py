"""The network's parameters in the fit, and the fit's image of the integer arithmetic.

A value `v` here stands for the integer `1024 * v` of the decoder. `FitOperations` runs the same description of the
maths (`synthesis.network`) as the decoder's backends: plain floats at first, then, with `exact` set, weights, biases,
activations and steps rounded as the integers will be, with straight-through gradients.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nvcodec.bitstream.model_config import INTER, ModelConfig
from nvcodec.synthesis import arithmetic
from nvcodec.synthesis.arrays import Array
from nvcodec.synthesis.layers import COARSEST, PICTURE_CHANNELS, ConvLayer, level_layers
from nvcodec.synthesis.packing import bilinear_kernel

UNIT = float(1 << arithmetic.ACTIVATION_FRACTION_BITS)
LIMIT = arithmetic.ACTIVATION_MAX / UNIT
WEIGHT_MAX = 127
INITIAL_STEP = 0.096
BIAS_SHIFT_MAX = 15


def round_through(x: Tensor) -> Tensor:
    """floor(x + 1/2), gradient of the identity."""
    return x + (torch.floor(x + 0.5) - x).detach()


class ConvParameters(nn.Module):
    """Weight and biases of one layer; `shift`, `bias_shift` and `mask` are set when the network is quantised.

    `base` and `base_bias` are the base model's integers; a masked weight is the base's.
    """

    def __init__(self, layer: ConvLayer):
        super().__init__()
        self.layer = layer
        fan_in = layer.inputs * layer.kernel**2
        weight = torch.randn(layer.weight_shape) * math.sqrt(1.0 / fan_in)
        if layer.name in ("head", "fuse", "context_output"):
            weight *= 0.1
        self.weight = nn.Parameter(weight.contiguous(memory_format=torch.channels_last))
        self.bias = nn.Parameter(torch.zeros(layer.bias_shape))
        self.register_buffer("shift", torch.tensor(-1))
        self.register_buffer("bias_shift", torch.tensor(0))
        self.register_buffer("mask", torch.ones(layer.weight_shape, dtype=torch.bool))
        self.register_buffer("base", torch.zeros(layer.weight_shape))
        self.register_buffer("base_bias", torch.zeros(layer.bias_shape))
        self.based = False

    def start_from(self, weight: Array, bias: Array, shift: int, bias_shift: int) -> None:
        """Take over a base model's integers."""
        with torch.no_grad():
            self.base.copy_(torch.from_numpy(weight))
            self.base_bias.copy_(torch.from_numpy(bias))
            self.weight.copy_(self.base * 2.0**-shift)
            self.bias.copy_(self.base_bias * (2.0 ** (bias_shift - shift) / UNIT))
            self.shift.fill_(shift)
            self.bias_shift.fill_(bias_shift)
        self.based = True

    def integer_weight(self) -> Tensor:
        """Weights as the file's integers, with gradients."""
        scaled = torch.where(self.mask, self.weight * float(2 ** int(self.shift)), self.base)
        return round_through(scaled).clamp(-WEIGHT_MAX, WEIGHT_MAX)

    def differences(self) -> tuple[Tensor, Tensor]:
        """Weights and biases in steps, less the base model's, before rounding: what the file's symbols are."""
        weight = (self.weight * float(2 ** int(self.shift)) - self.base) * self.mask
        bias = self.bias * (UNIT * 2.0 ** (int(self.shift) - int(self.bias_shift))) - self.base_bias
        return weight, bias

    def integer_bias(self) -> Tensor:
        """Biases as the file's integers (before their left shift), with gradients."""
        scaled = self.bias * (UNIT * 2.0 ** (int(self.shift) - int(self.bias_shift)))
        return round_through(scaled).clamp(-WEIGHT_MAX, WEIGHT_MAX)

    def values(self, exact: bool) -> tuple[Tensor, Tensor]:
        """Weight and biases as real values, rounded when exact."""
        if not exact:
            return self.weight, self.bias
        shift = int(self.shift)
        weight = self.integer_weight() * 2.0**-shift
        bias = self.integer_bias() * (2.0 ** (int(self.bias_shift) - shift) / UNIT)
        return weight.contiguous(memory_format=torch.channels_last), bias


class NetworkParameters(nn.Module):
    """All levels' layers, the quantisation steps of the grids, and the window weights of every picture."""

    def __init__(self, config: ModelConfig, chroma_format: str, picture_count: int):
        super().__init__()
        self.config, self.chroma_format = config, chroma_format
        self.layers = nn.ModuleDict()
        self.log_step = nn.ParameterDict()
        self.log_gop_step = nn.ParameterDict()
        self.window = nn.ParameterDict()
        for level in range(COARSEST, -1, -1):
            own = config.levels[level]
            for layer in level_layers(config, level, chroma_format):
                self.layers[f"{level}_{layer.name}"] = ConvParameters(layer)
            if own.grid_channels:
                rows = (config.step_rows, own.grid_channels) if config.role == INTER else (own.grid_channels,)
                self.log_step[str(level)] = nn.Parameter(torch.full(rows, math.log(INITIAL_STEP)))
                if own.gop_grid_flag:
                    self.log_gop_step[str(level)] = nn.Parameter(
                        torch.full((own.grid_channels,), math.log(INITIAL_STEP))
                    )
                if own.window_flag:
                    weights = torch.zeros(picture_count, config.window_length)
                    weights[:, 0] = 1.0
                    self.window[str(level)] = nn.Parameter(weights)

    def conv(self, level: int, name: str) -> ConvParameters:
        return self.layers[f"{level}_{name}"]

    def layers_of(self, level: int) -> list[ConvParameters]:
        """A level's layers in coding order."""
        return [self.conv(level, layer.name) for layer in level_layers(self.config, level, self.chroma_format)]

    def steps(self, level: int, exact: bool, gop: bool = False) -> Tensor:
        """Quantisation steps of a level's channels, real values (integer steps over 1024); inter networks: by row."""
        largest = float((1 << self.config.step_bits) - 1)
        step = ((self.log_gop_step if gop else self.log_step)[str(level)].exp() * UNIT).clamp(1, largest)
        return (round_through(step) if exact else step) / UNIT

    def window_weights(self, level: int, exact: bool) -> Tensor:
        """(pictures, window_length) weights of a level, real values."""
        weights = self.window[str(level)]
        one = float(1 << arithmetic.WINDOW_FRACTION_BITS)
        return round_through((weights * one).clamp(-128, 127)) / one if exact else weights


class FitOperations:
    """`synthesis.network.Operations` on torch tensors with gradients, channels last."""

    def __init__(self, network: NetworkParameters, height: int, width: int):
        self.network, self.exact = network, False
        self.height, self.width = height, width
        self.sizes = {level: arithmetic.level_size(height, width, level) for level in range(COARSEST + 1)}
        kernel = torch.from_numpy(bilinear_kernel(network.chroma_format)).float() / 16
        device = next(network.parameters()).device
        self.picture_channels = PICTURE_CHANNELS[network.chroma_format]
        self.kernel = kernel.to(device).contiguous(memory_format=torch.channels_last)

    def conv(
        self, level: int, name: str, x: Tensor, *, leaky: bool = False, kind: Tensor | int = 0, more_shift: int = 0
    ) -> Tensor:
        parameters = self.network.conv(level, name)
        weight, biases = parameters.values(self.exact)
        padding = parameters.layer.kernel // 2
        if isinstance(kind, Tensor):
            y = F.conv2d(x, weight, None, padding=padding) + biases[kind][:, :, None, None]
        else:
            y = F.conv2d(x, weight, biases[kind], padding=padding)
        if more_shift:
            y = y * 2.0**-more_shift
        if leaky and not self.exact:
            return F.leaky_relu(y, 2.0**-arithmetic.LEAKY_SHIFT)
        if self.exact:
            scaled = y * UNIT + 0.5
            if leaky:
                scaled = F.leaky_relu(scaled, 2.0**-arithmetic.LEAKY_SHIFT)
            y = (scaled + (torch.floor(scaled) - scaled).detach()) * (1 / UNIT)
        return y

    def clamp(self, x: Tensor) -> Tensor:
        return x.clamp(-LIMIT, LIMIT)

    def add(self, a: Tensor, b: Tensor) -> Tensor:
        return a + b

    def concat(self, parts: list[Tensor]) -> Tensor:
        return torch.cat(parts, 1)

    def shuffle(self, x: Tensor, level: int) -> Tensor:
        height, width = self.sizes[level]
        return F.pixel_shuffle(x, 2)[..., :height, :width]

    def repeat(self, x: Tensor, level: int) -> Tensor:
        height, width = self.sizes[level]
        return F.interpolate(x, scale_factor=2, mode="nearest")[..., :height, :width]

    def upsample_picture(self, x: Tensor, level: int) -> Tensor:
        y = F.conv2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), self.kernel)
        if self.exact:
            y = round_through(y * UNIT) * (1 / UNIT)
        return self.shuffle(y, level)

    def split_head(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x[:, : self.picture_channels], x[:, self.picture_channels :]

    def blend(self, window: Tensor, mask: Tensor, residual: Tensor) -> Tensor:
        first, difference = window[:, : self.picture_channels], window[:, self.picture_channels :]
        one = float(1 << arithmetic.MASK_FRACTION_BITS)
        if self.exact:
            scaled = mask * (UNIT / (1 << arithmetic.MASK_SHIFT))
            mask = (scaled + (torch.floor(scaled) - scaled).detach()) * (1 / one)
        weight = (mask + 0.5).clamp(0, 1)
        chroma = weight[:, 1:].expand(-1, self.picture_channels - 4, -1, -1)
        part = torch.cat([weight[:, :1].expand(-1, 4, -1, -1), chroma], 1) * difference
        if self.exact:
            part = round_through(part * UNIT) * (1 / UNIT)
        return first + part + residual
