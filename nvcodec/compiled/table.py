"""All kernels, for `kernels()`; loading this loads Numba."""

from nvcodec.compiled.jit import Kernel
from nvcodec.compiled.pictures import BEFORE
from nvcodec.compiled.pictures import adapt as _adapt
from nvcodec.compiled.pictures import align as _align
from nvcodec.compiled.residual import choose as _choose
from nvcodec.compiled.residual import deblock as _deblock
from nvcodec.compiled.residual import inverse as _inverse
from nvcodec.compiled.residual import mean_with_residual as _mean_with_residual
from nvcodec.compiled.symbols import pop as _pop
from nvcodec.compiled.vectors import predict as _predict

adapt, align = Kernel(_adapt), Kernel(_align)
choose, deblock = Kernel(_choose), Kernel(_deblock)
inverse, mean_with_residual = Kernel(_inverse), Kernel(_mean_with_residual)
pop, predict = Kernel(_pop), Kernel(_predict)

__all__ = ["BEFORE", "adapt", "align", "choose", "deblock", "inverse", "mean_with_residual", "pop", "predict"]
