"""Walkers: control and bones. (The walker AI runs in the client and moves them by `ApplyWalkerState` of a batch.)"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from simulator.methods.registry import rpc
from simulator.types import Transform, WalkerControl
from simulator.world.bone_commands import BoneTransforms

if TYPE_CHECKING:
    from simulator.session import Session


@rpc
def apply_control_to_walker(session: Session, actor_id: int, control: WalkerControl) -> None:
    session.world.apply_control_to_walker(actor_id, control)


class BonesOut(NamedTuple):
    bones: tuple[BoneTransforms, ...]


class BoneIn(NamedTuple):
    """`relative` to the parent bone."""

    name: str
    relative: Transform


class BonesIn(NamedTuple):
    bones: tuple[BoneIn, ...]


@rpc
def get_bones_transform(session: Session, actor_id: int) -> BonesOut:
    return BonesOut(session.world.get_bones_transform(actor_id))


@rpc
def set_bones_transform(session: Session, actor_id: int, bones: BonesIn) -> None:
    session.world.set_bones_transform(actor_id, bones.bones)


@rpc
def blend_pose(session: Session, actor_id: int, blend: float) -> None:
    session.world.blend_pose(actor_id, blend)


@rpc
def get_pose_from_animation(session: Session, actor_id: int) -> None:
    session.world.get_pose_from_animation(actor_id)
