"""The acting network run by ONNX Runtime, from a file that policies/graph.py wrote."""

import math
from pathlib import Path

import msgspec
import numpy as np
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as refusals

from control.errors import CheckpointError
from policies.actor import Shapes

BROKEN = (refusals.Fail, refusals.InvalidArgument, refusals.InvalidGraph, refusals.InvalidProtobuf, refusals.NoSuchFile)


class ExportedNet:
    """Acts as the PolicyNet that it was made from, to rounding."""

    def __init__(self, session: onnxruntime.InferenceSession, shapes: Shapes):
        self._session, self.shapes = session, shapes

    def act(self, pixels: np.ndarray, proprio: np.ndarray) -> np.ndarray:
        """Pixels (..., C, H, W) uint8 and proprioception (..., P) float32 -> mean action (..., A) float32."""
        leading = proprio.shape[:-1]
        count = math.prod(leading)
        given = {
            "pixels": pixels.reshape(count, *self.shapes.pixels),
            "proprio": proprio.reshape(count, self.shapes.proprio),
        }
        action: np.ndarray = self._session.run(None, given)[0]
        return action.reshape(*leading, self.shapes.action)


def load(path: Path) -> tuple[ExportedNet, dict[str, str]]:
    """The network at `path` and its notes. Raises CheckpointError for a file that is no whole policy."""
    try:
        session = onnxruntime.InferenceSession(path, _options(), providers=["CPUExecutionProvider"])
        notes = dict(session.get_modelmeta().custom_metadata_map)
        shapes = msgspec.json.decode(notes.pop("shapes"), type=Shapes)
    except (*BROKEN, KeyError, msgspec.MsgspecError) as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(f"{path} is not a whole policy ({reason}); write it with twinarm onnx") from None
    return ExportedNet(session, shapes), notes


def _options() -> onnxruntime.SessionOptions:
    """One thread: a network this small is done before a second one is awake, and whatever else runs here needs it."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return options
