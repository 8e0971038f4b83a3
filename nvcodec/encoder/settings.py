"""What an encode is asked for, and how quality becomes lambda."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

from nvcodec.bitstream.model_config import ModelConfig
from nvcodec.encoder.errors import SettingsInvalid
from nvcodec.encoder.presets import PRESETS, Preset, model_for

LAMBDA_LOW_QUALITY = 0.03
LAMBDA_DECADES = 2.6
DEFAULT_QUALITY = 50.0
TUNES = ("psnr", "ssim")
POOLINGS = ("area", "max")


@dataclass(frozen=True)
class EncodeSettings:
    """All that determines an encode, besides the source. At most one of quality, lam, size_bytes, bitrate."""

    preset: str = "medium"
    quality: float | None = None
    """0 (smallest) .. 100 (best)."""
    lam: float | None = None
    """The Lagrangian weight of bits per pixel against squared error (samples over the sample range)."""
    size_bytes: int | None = None
    """Wanted size of the file; hit within 2 %."""
    bitrate: float | None = None
    """Wanted bits per second; hit within 2 %."""
    tune: str = "psnr"
    gop_length: int = 33
    """Longest GoP, in pictures."""
    segment_length: int = 512
    """Longest segment (pictures that share a network)."""
    epochs: float | None = None
    """Passes over the video, instead of the preset's."""
    seed: int = 0
    device: str = "auto"
    threads: int = 0
    digest_bytes: int = 4
    model: ModelConfig | None = None
    """The network, instead of the one chosen by the source's size."""
    pooling: str = "area"
    """How the targets at reduced scales are made: 'area', or 'max' as in the paper."""
    adaptive_scales: bool = True
    multi_scale: bool = True

    def validate(self) -> None:
        """Raises SettingsInvalid."""
        if self.preset not in PRESETS:
            raise SettingsInvalid(f"preset {self.preset!r}: known are {', '.join(PRESETS)}")
        given = [name for name in ("quality", "lam", "size_bytes", "bitrate") if getattr(self, name) is not None]
        if len(given) > 1:
            raise SettingsInvalid(f"{' and '.join(given)}: only one of quality, lam, size_bytes, bitrate may be given")
        checks = (
            ("quality", self.quality is None or 0 <= self.quality <= 100, "0 to 100"),
            ("lam", self.lam is None or self.lam > 0, "above 0"),
            ("size_bytes", self.size_bytes is None or self.size_bytes > 0, "above 0"),
            ("bitrate", self.bitrate is None or self.bitrate > 0, "above 0"),
            ("tune", self.tune in TUNES, " or ".join(TUNES)),
            ("pooling", self.pooling in POOLINGS, " or ".join(POOLINGS)),
            ("gop_length", 1 <= self.gop_length <= 1024, "1 to 1024"),
            ("segment_length", self.segment_length >= 1, "at least 1"),
            ("epochs", self.epochs is None or self.epochs > 0, "above 0"),
            ("digest_bytes", self.digest_bytes in (2, 4, 8), "2, 4 or 8"),
            ("threads", self.threads >= 0, "at least 0"),
        )
        for name, fine, allowed in checks:
            if not fine:
                raise SettingsInvalid(f"{name} is {getattr(self, name)!r}, allowed is {allowed}")

    def resolved_preset(self) -> Preset:
        preset = PRESETS[self.preset]
        return preset if self.epochs is None else replace(preset, epochs=self.epochs, minimum_steps=1)

    def resolved_lambda(self) -> float:
        """lam itself, or the quality's; with a wanted size, where the controller starts."""
        if self.lam is not None:
            return self.lam
        quality = DEFAULT_QUALITY if self.quality is None else self.quality
        return LAMBDA_LOW_QUALITY * 10 ** (-LAMBDA_DECADES * quality / 100)

    def resolved_model(self, pixels: int) -> ModelConfig:
        """pixels: luma samples of a whole segment."""
        return model_for(pixels) if self.model is None else self.model

    def fingerprint(self) -> dict[str, str]:
        """Everything that the result depends on, as text by name, for checkpoints."""
        ignored = ("device", "threads")
        return {name: repr(value) for name, value in asdict(self).items() if name not in ignored}
