"""A segment's motion as a checkpoint keeps it: tensors and plain values."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from nvcodec.bitstream import VectorBase
from nvcodec.encoder.checkpoint import State
from nvcodec.encoder.sequence_motion import CodedMotion
from nvcodec.encoder.splits import SplitField
from nvcodec.synthesis.arrays import Array
from nvcodec.synthesis.structure import CodedPicture
from nvcodec.synthesis.vector_base import PictureMotion


def motion_state(gops: Sequence[dict[int, CodedMotion]]) -> list[list[State]]:
    """By GoP, what is kept of each of its pictures' motion."""
    return [[_state(coded) for coded in gop.values()] for gop in gops]


def restored_motion(state: Sequence[Sequence[State]]) -> list[dict[int, CodedMotion]]:
    """The motion of which this is the state."""
    gops = [[_coded(own) for own in gop] for gop in state]
    return [{coded.motion.picture.index: coded for coded in gop} for gop in gops]


def _state(coded: CodedMotion) -> State:
    motion = coded.motion
    return {
        "picture": (motion.picture.index, motion.picture.references, motion.picture.depth),
        "motion_log2": motion.block_log2,
        "fields": _tensors(motion.fields),
        "stepped": motion.stepped,
        "bases": [(base.derived_flag, base.global_vector) for base in coded.bases],
        "base_fields": _tensors(coded.base_fields),
        "roots": _tensors(coded.roots),
        "block_log2": coded.block_log2,
        "splits": [
            {
                "fields": {log2: torch.tensor(own) for log2, own in split.fields.items()},
                "splits": {log2: torch.tensor(own) for log2, own in split.splits.items()},
            }
            for split in coded.splits
        ],
    }


def _coded(state: State) -> CodedMotion:
    index, references, depth = state["picture"]
    picture = CodedPicture(index, tuple(references), depth)
    motion = PictureMotion(picture, state["motion_log2"], _arrays(state["fields"]), state["stepped"])
    splits = [
        SplitField(
            {log2: own.cpu().numpy() for log2, own in split["fields"].items()},
            {log2: own.cpu().numpy() for log2, own in split["splits"].items()},
        )
        for split in state["splits"]
    ]
    bases = [VectorBase(derived, tuple(vector)) for derived, vector in state["bases"]]
    return CodedMotion(
        motion, bases, _arrays(state["base_fields"]), _arrays(state["roots"]), state["block_log2"], splits
    )


def _tensors(arrays: Sequence[Array]) -> list[torch.Tensor]:
    return [torch.tensor(own) for own in arrays]


def _arrays(tensors: Sequence[torch.Tensor]) -> list[Array]:
    return [own.cpu().numpy() for own in tensors]
