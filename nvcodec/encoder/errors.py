"""What can keep an encode from being finished."""

from nvcodec.errors import NvcodecError


class EncodeError(NvcodecError):
    """The encode cannot be started or finished."""


class SettingsInvalid(EncodeError):
    """Settings that contradict one another or are out of range."""


class SourceUnsuitable(EncodeError):
    """The source has no pictures, or pictures of a size that the encoder does not take."""


class SizeImpossible(EncodeError):
    """The wanted size cannot be reached with this source and model."""


class CheckpointMismatch(EncodeError):
    """A checkpoint is of another source, other settings or another version, or is damaged."""


class CheckpointUnsuitable(EncodeError):
    """A checkpoint is to be kept where something else is or will be."""


class CheckpointMissing(EncodeError):
    """There is no checkpoint where one is to be resumed from."""


class TemporaryFileFailed(EncodeError):
    """The temporary folder has no room for what a long video keeps there, or refuses it."""


class InUse(EncodeError):
    """Another encode, still running, writes the same output or keeps the same checkpoint."""


class Interrupted(EncodeError):
    """The encode was stopped from outside; a checkpoint is kept where one was asked for."""


class DeviceUnavailable(EncodeError):
    """The device asked for is not there."""


class VerificationFailed(EncodeError):
    """The finished file does not decode to what the encoder saw; nothing is kept."""
