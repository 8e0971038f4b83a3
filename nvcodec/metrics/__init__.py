"""Measuring decoded video: PSNR, MS-SSIM, VMAF (by ffmpeg), BD-rate (by the bjontegaard package)."""

from __future__ import annotations

from nvcodec.metrics.bdrate import bd_rate_percent
from nvcodec.metrics.psnr import PsnrAccumulator, plane_psnr_db
from nvcodec.metrics.ssim import ms_ssim
from nvcodec.metrics.vmaf import vmaf_score

__all__ = ["PsnrAccumulator", "bd_rate_percent", "ms_ssim", "plane_psnr_db", "vmaf_score"]
