"""What an encode is asked for, and how quality becomes lambda."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

from nvcodec.bitstream import limits
from nvcodec.bitstream.headers import PROFILES
from nvcodec.bitstream.model_config import INTER, INTRA, ModelConfig
from nvcodec.encoder.errors import SettingsInvalid
from nvcodec.encoder.presets import PRESETS, Preset, hybrid_model, model_for, motion_models, preset_of

LAMBDA_LOW_QUALITY = 0.03
LAMBDA_DECADES = 2.6
DEFAULT_QUALITY = 50.0
TUNES = ("psnr", "ssim")
LONGEST_GOP = {
    "grid": limits.MAX_GOP_LENGTH,
    "motion": limits.MAX_MOTION_GOP_LENGTH,
    "hybrid": limits.MAX_MOTION_GOP_LENGTH,
}
DEFAULT_DIGEST_BYTES = {"grid": 4, "motion": 4, "hybrid": 1}
"""The hybrid profile's files are small: four bytes for each picture and scale would be a tenth of some of them."""
DEFAULT_GOP = {"grid": 33, "motion": 16, "hybrid": 16}
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
    profile: str = "hybrid"
    """'hybrid': pictures are predicted from others, and what is left is transformed; 'motion': it is left to networks;
    'grid': each picture decodes without any other."""
    gop_length: int | None = None
    """Longest GoP, in pictures; None for the profile's own."""
    keyint: int = 250
    """Motion profile: from some picture of any so many, decoding can begin."""
    segment_length: int = 512
    """Longest segment (pictures that share a network)."""
    epochs: float | None = None
    """Passes over the video, instead of the preset's."""
    seed: int = 0
    device: str = "auto"
    threads: int = 0
    digest_bytes: int | None = None
    """1, 2, 4 or 8 for each picture and scale; None for the profile's own."""
    model: ModelConfig | None = None
    """The network (of pictures without references), instead of the one chosen by the source's size."""
    inter_model: ModelConfig | None = None
    """The network of pictures with references, likewise."""
    block_log2: int | None = None
    """log2 of the distance between two nodes of a vector field, in luma samples; None for the profile's own."""
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
        if self.profile not in PROFILES:
            raise SettingsInvalid(f"profile is {self.profile!r}, allowed is {' or '.join(PROFILES)}")
        checks = (
            ("quality", self.quality is None or 0 <= self.quality <= 100, "0 to 100"),
            ("lam", self.lam is None or self.lam > 0, "above 0"),
            ("size_bytes", self.size_bytes is None or self.size_bytes > 0, "above 0"),
            ("bitrate", self.bitrate is None or self.bitrate > 0, "above 0"),
            ("tune", self.tune in TUNES, " or ".join(TUNES)),
            ("tune", self.profile != "hybrid" or self.tune == "psnr", "psnr in the hybrid profile"),
            ("pooling", self.pooling in POOLINGS, " or ".join(POOLINGS)),
            ("gop_length", 1 <= self.resolved_gop_length() <= LONGEST_GOP[self.profile], self._gop_range()),
            ("keyint", self.keyint >= 1, "at least 1"),
            ("block_log2", self.block_log2 is None or 3 <= self.block_log2 <= 6, "3 to 6"),
            ("segment_length", self.segment_length >= 1, "at least 1"),
            ("epochs", self.epochs is None or self.epochs > 0, "above 0"),
            ("digest_bytes", self.digest_bytes in (None, 1, 2, 4, 8), "1, 2, 4 or 8"),
            ("threads", self.threads >= 0, "at least 0"),
        )
        for name, fine, allowed in checks:
            if not fine:
                raise SettingsInvalid(f"{name} is {getattr(self, name)!r}, allowed is {allowed}")

    def resolved_preset(self) -> Preset:
        preset = preset_of(self.profile, self.preset)
        return (
            preset
            if self.epochs is None
            else replace(preset, epochs=self.epochs, minimum_steps=1, coding_passes=max(2, preset.coding_passes))
        )

    def resolved_lambda(self) -> float:
        """lam itself, or the quality's; with a wanted size, where the controller starts."""
        if self.lam is not None:
            return self.lam
        quality = DEFAULT_QUALITY if self.quality is None else self.quality
        return LAMBDA_LOW_QUALITY * 10 ** (-LAMBDA_DECADES * quality / 100)

    def resolved_gop_length(self) -> int:
        """The longest GoP, given or the profile's own."""
        return DEFAULT_GOP[self.profile] if self.gop_length is None else self.gop_length

    def resolved_digest_bytes(self) -> int:
        """Bytes of a digest, given or the profile's own."""
        return DEFAULT_DIGEST_BYTES[self.profile] if self.digest_bytes is None else self.digest_bytes

    def _gop_range(self) -> str:
        return f"1 to {LONGEST_GOP[self.profile]} in the {self.profile} profile"

    def resolved_models(self, pixels: int, chroma_format: str = "420") -> tuple[ModelConfig, ...]:
        """The networks of a segment by number; pixels: luma samples of a whole segment."""
        if self.profile == "grid":
            return (model_for(pixels) if self.model is None else self.model,)
        if self.profile == "hybrid":
            return ((self.model or hybrid_model(chroma_format)).with_role(INTER),)
        intra, inter = motion_models(chroma_format)
        return (self.model or intra).with_role(INTRA), (self.inter_model or inter).with_role(INTER)

    def fingerprint(self) -> dict[str, str]:
        """Everything that the result depends on, as text by name, for checkpoints."""
        ignored = ("device", "threads")
        return {name: repr(value) for name, value in asdict(self).items() if name not in ignored}
