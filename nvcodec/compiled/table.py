"""All kernels, for `kernels()`; loading this loads Numba."""

from nvcodec.compiled.pictures import BEFORE, adapt, align
from nvcodec.compiled.residual import inverse, mean_with_residual
from nvcodec.compiled.symbols import pop
from nvcodec.compiled.vectors import predict

__all__ = ["BEFORE", "adapt", "align", "inverse", "mean_with_residual", "pop", "predict"]
