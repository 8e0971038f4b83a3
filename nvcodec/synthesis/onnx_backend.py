"""The ONNX Runtime backend: the same description of the maths, run once to build ONNX graphs.

Weights and biases go into the graph divided by 2**shift: a power of two, so float32 stays exact, and the leaky
activation fuses with the convolution. One graph per finest level for the synthesis, one per level and kind for the
contexts, each built when first asked for.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime
from onnx import NodeProto, TensorProto, helper, numpy_helper

from nvcodec.bitstream.model_config import INTER, ModelConfig
from nvcodec.synthesis import arithmetic, network
from nvcodec.synthesis.arrays import Array
from nvcodec.synthesis.layers import MASK_CHANNELS, PICTURE_CHANNELS
from nvcodec.synthesis.packing import bilinear_kernel
from nvcodec.synthesis.weights import LevelWeights

OPSET = 17


class GraphBuilder:
    """`network.Operations` on names of ONNX values; collects nodes and constants."""

    def __init__(
        self, weights: dict[int, LevelWeights], height: int, width: int, chroma_format: str, inter: bool = False
    ):
        self.weights, self.chroma_format, self.inter = weights, chroma_format, inter
        self.height, self.width = height, width
        self.sizes = {level: arithmetic.level_size(height, width, level) for level in range(5)}
        self.nodes: list[NodeProto] = []
        self.constants: dict[str, Array] = {}

    def constant(self, name: str, values: Array) -> str:
        self.constants.setdefault(name, values)
        return name

    def node(self, kind: str, inputs: list[str], **attributes: Any) -> str:
        name = f"{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def conv(self, level: int, name: str, x: str, *, leaky: bool = False, kind: int = 0, more_shift: int = 0) -> str:
        layer = self.weights[level].layers[name]
        factor = 2.0 ** -(layer.shift + more_shift)
        key = f"level{level}_{name}"
        weight = self.constant(f"{key}_weight", (layer.weight * factor).astype(np.float32))
        bias = self.constant(f"{key}_bias", (layer.bias_with_half(kind, more_shift) * factor).astype(np.float32))
        side = layer.weight.shape[-1] // 2
        y = self.node("Conv", [x, weight, bias], kernel_shape=list(layer.weight.shape[-2:]), pads=[side] * 4)
        if leaky:
            y = self.node("LeakyRelu", [y], alpha=2.0**-arithmetic.LEAKY_SHIFT)
        return self.node("Floor", [y])

    def clamp(self, x: str) -> str:
        low = self.constant("low", np.array(-arithmetic.ACTIVATION_MAX, np.float32))
        high = self.constant("high", np.array(arithmetic.ACTIVATION_MAX, np.float32))
        return self.node("Clip", [x, low, high])

    def add(self, a: str, b: str) -> str:
        return self.node("Add", [a, b])

    def concat(self, parts: list[str]) -> str:
        return self.node("Concat", parts, axis=1)

    def _crop(self, x: str, level: int) -> str:
        coarser = self.sizes[level + 1]
        if self.sizes[level] == (2 * coarser[0], 2 * coarser[1]):
            return x
        start = self.constant("crop_start", np.array([0, 0], np.int64))
        end = self.constant(f"crop_end{level}", np.array(self.sizes[level], np.int64))
        axes = self.constant("crop_axes", np.array([2, 3], np.int64))
        return self.node("Slice", [x, start, end, axes])

    def shuffle(self, x: str, level: int) -> str:
        return self._crop(self.node("DepthToSpace", [x], blocksize=2, mode="CRD"), level)

    def repeat(self, x: str, level: int) -> str:
        scales = self.constant("scales", np.array([1, 1, 2, 2], np.float32))
        y = self.node(
            "Resize", [x, "", scales], mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor"
        )
        return self._crop(y, level)

    def upsample_picture(self, x: str, level: int) -> str:
        kernel = bilinear_kernel(self.chroma_format).astype(np.float32) / 16
        weight = self.constant("bilinear_weight", kernel)
        bias = self.constant("bilinear_bias", np.full(len(kernel), 0.5, np.float32))
        pads = self.constant("bilinear_pads", np.array([0, 0, 1, 1, 0, 0, 1, 1], np.int64))
        padded = self.node("Pad", [x, pads], mode="edge")
        return self.shuffle(self.node("Floor", [self.node("Conv", [padded, weight, bias], kernel_shape=[3, 3])]), level)

    def _channels(self, x: str, start: int, end: int) -> str:
        bounds = [self.constant(f"channel{value}", np.array([value], np.int64)) for value in (start, end)]
        return self.node("Slice", [x, *bounds, self.constant("channel_axis", np.array([1], np.int64))])

    def split_head(self, x: str) -> tuple[str, str]:
        picture, mask = PICTURE_CHANNELS[self.chroma_format], MASK_CHANNELS[self.chroma_format]
        if not self.inter:
            return x, ""
        return self._channels(x, 0, picture), self._channels(x, picture, picture + mask)

    def blend(self, window: str, mask: str, residual: str) -> str:
        count, one = PICTURE_CHANNELS[self.chroma_format], 1 << arithmetic.MASK_FRACTION_BITS
        first, difference = self._channels(window, 0, count), self._channels(window, count, 2 * count)
        quarter = self.constant("mask_scale", np.array(2.0**-arithmetic.MASK_SHIFT, np.float32))
        half = self.constant("mask_half", np.array(one // 2, np.float32))
        low, high = (self.constant(f"mask{x}", np.array(x, np.float32)) for x in (0, one))
        weight = self.node(
            "Clip", [self.node("Add", [self.node("Floor", [self.node("Mul", [mask, quarter])]), half]), low, high]
        )
        # each weight's channel repeated for the channels that it is for
        spread = np.zeros((count, MASK_CHANNELS[self.chroma_format], 1, 1), np.float32)
        spread[:4, 0], spread[4:, -1] = 1, 1
        weights = self.node("Conv", [weight, self.constant("mask_spread", spread)], kernel_shape=[1, 1])
        scaled = self.node("Add", [self.node("Mul", [weights, difference]), half])
        part = self.node(
            "Floor", [self.node("Mul", [scaled, self.constant("mask_one", np.array(1 / one, np.float32))])]
        )
        return self.add(self.add(first, part), residual)

    def session(
        self, inputs: dict[str, tuple[int, int, int]], output: str, threads: int
    ) -> onnxruntime.InferenceSession:
        """inputs: {name: (channels, rows, columns)}; compiles the graph collected so far."""
        graph = helper.make_graph(
            self.nodes,
            "nvcodec",
            [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, *shape]) for n, shape in inputs.items()],
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)],
            [numpy_helper.from_array(values, name) for name, values in self.constants.items()],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        options.enable_cpu_mem_arena = True
        return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


class OnnxBackend:
    """Runs the network; see `synthesis.backend.Backend` for the contract."""

    def __init__(
        self,
        config: ModelConfig,
        weights: dict[int, LevelWeights],
        height: int,
        width: int,
        chroma_format: str,
        threads: int = 0,
    ):
        self.config, self.weights, self.threads = config, weights, threads
        self.height, self.width, self.chroma_format = height, width, chroma_format
        self._synthesis: dict[int, onnxruntime.InferenceSession] = {}
        self._context: dict[tuple[int, int], onnxruntime.InferenceSession] = {}

    def _builder(self) -> GraphBuilder:
        inter = self.config.role == INTER
        return GraphBuilder(self.weights, self.height, self.width, self.chroma_format, inter)

    def synthesise(self, embeddings: dict[int, Array], finest: int, window: dict[int, Array] | None = None) -> Array:
        feed = {f"embedding{level}": x for level, x in embeddings.items()}
        feed |= {f"window{level}": x for level, x in (window or {}).items()}
        if finest not in self._synthesis:
            builder = self._builder()
            names = {level: f"embedding{level}" for level in embeddings}
            seen = None if window is None else {level: f"window{level}" for level in window}
            output = network.synthesise(builder, self.config, names, finest, seen)[finest]
            self._synthesis[finest] = builder.session(
                {name: x.shape[1:] for name, x in feed.items()}, output, self.threads
            )
        picture: Array = self._synthesis[finest].run(None, feed)[0][0]
        return picture

    def context(self, level: int, inputs: list[Array], coarser: Array | None, kind: int) -> Array:
        feed = {f"input{i}": x for i, x in enumerate(inputs)}
        if coarser is not None:
            feed["coarser"] = coarser
        if (level, kind) not in self._context:
            builder = self._builder()
            below = None if coarser is None else "coarser"
            output = network.context(
                builder, self.config, level, [f"input{i}" for i in range(len(inputs))], below, kind
            )
            shapes = {name: x.shape[1:] for name, x in feed.items()}
            self._context[level, kind] = builder.session(shapes, output, self.threads)
        parameters: Array = self._context[level, kind].run(None, feed)[0]
        return parameters
