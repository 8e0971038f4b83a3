"""The contract of a backend, and how one is picked by name; each backend imports its library only when picked."""

from __future__ import annotations

from typing import Protocol

from nvcodec.bitstream.model_config import ModelConfig
from nvcodec.errors import NvcodecError
from nvcodec.synthesis.arrays import Array
from nvcodec.synthesis.weights import LevelWeights

BACKENDS = ("numpy", "onnxruntime", "torch")


class UnknownBackend(NvcodecError):
    """No backend of that name, or its library is not installed."""


class Backend(Protocol):
    """Exact integer network; all arrays hold integers in a float type, (1, C, h, w)."""

    def synthesise(self, embeddings: dict[int, Array], finest: int, window: dict[int, Array] | None = None) -> Array:
        """The packed picture (P, h, w) of level `finest`, in 1/4096 around mid-grey.

        embeddings: by level; window: by level finest .. 3, (1, 2P, h, w), for inter networks (`synthesis.window`).
        """

    def context(self, level: int, inputs: list[Array], coarser: Array | None, kind: int) -> Array:
        """The context network's output, (1, 2L, h, w); see `network.context`."""


def make_backend(
    name: str,
    config: ModelConfig,
    weights: dict[int, LevelWeights],
    height: int,
    width: int,
    chroma_format: str,
    *,
    threads: int = 0,
    device: str = "cpu",
) -> Backend:
    """A backend by name. threads: 0 for the library's own choice. Raises UnknownBackend."""
    try:
        if name == "numpy":
            from nvcodec.synthesis.numpy_backend import NumpyBackend

            return NumpyBackend(config, weights, height, width, chroma_format)
        if name == "onnxruntime":
            from nvcodec.synthesis.onnx_backend import OnnxBackend

            return OnnxBackend(config, weights, height, width, chroma_format, threads)
        if name == "torch":
            from nvcodec.synthesis.torch_backend import TorchBackend

            return TorchBackend(config, weights, height, width, chroma_format, device, threads)
    except ImportError as error:
        raise UnknownBackend(f"backend {name}: {error.name or error} is not installed") from error
    raise UnknownBackend(f"backend {name!r}: known are {', '.join(BACKENDS)}")
