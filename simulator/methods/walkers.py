"""Walkers: control. (The walker AI runs in the client and moves them by `ApplyWalkerState` of a batch.)"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.methods.registry import rpc
from simulator.types import WalkerControl

if TYPE_CHECKING:
    from simulator.session import Session


@rpc
def apply_control_to_walker(session: Session, actor_id: int, control: WalkerControl) -> None:
    session.world.apply_control_to_walker(actor_id, control)
