"""A recorded episode in other rooms: the same arm, cube and motion, and pictures that were never taken."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from control.episodes import Episode
from control.errors import UserError
from sim.robot import SimRobot
from sim.wild import draw, ranges

LOOKS = ("colour", "table", "light", "camera", "picture")  # the factors that change a picture and nothing that moves


def redrawn(robot: SimRobot, episode: Episode, seed: int, factors: Sequence[str]) -> Episode:
    """`episode` as `robot`'s wrist camera would have seen it elsewhere.

    Args:
        factors: of LOOKS, drawn from `seed`; in all else the draw is the one that the episode was recorded in.
    Raises:
        UserError: nobody knows where the cube was.
    """
    if episode.truth is None:
        raise UserError(
            "an episode without truth cannot be drawn anew; use simulated ones, or --set bootstrap.redraws=0"
        )
    own = draw(ranges(), episode.provenance.seed, str(episode.info.recipe.get("wild", "")).split())
    other = draw(ranges(), seed, factors)
    robot.wear(replace(own, **{name: getattr(other, name) for name in factors}), seed)
    moments = zip(episode.joints_rad, episode.truth["cube_m"], episode.truth["cube_quat"], strict=True)
    frames = np.stack([robot.pose(*moment) for moment in moments])
    return replace(episode, frames={**episode.frames, "wrist_cam": frames})
