"""The acting network as an ONNX graph, layer by layer as policies/actor.py computes it."""

from typing import Any

import msgspec
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from policies.actor import Head, PolicyNet, Trunk

OPSET, IR_VERSION = 17, 8  # the oldest with LayerNormalization, so that old runtimes read it, too


class _Graph:
    """Nodes and weights, as they are added one after another."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[TensorProto] = []

    def weight(self, value: Tensor | float) -> str:
        name = f"w{len(self.weights)}"
        array = value.detach().cpu().numpy() if isinstance(value, Tensor) else np.array(value, np.float32)
        self.weights.append(numpy_helper.from_array(array, name))
        return name

    def add(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """The name of what it gives."""
        name = f"x{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def linear(self, layer: nn.Linear, x: str) -> str:
        return self.add("Gemm", x, self.weight(layer.weight), self.weight(layer.bias), transB=1)

    def norm(self, layer: nn.Module, x: str) -> str:
        if not isinstance(layer, nn.LayerNorm):
            return x
        weights = self.weight(layer.weight), self.weight(layer.bias)
        return self.add("LayerNormalization", x, *weights, axis=-1, epsilon=layer.eps)


def exported(net: PolicyNet, notes: dict[str, str]) -> bytes:
    """`net` as an .onnx file: pixels (B, C, H, W) uint8 and proprio (B, P) float32 in, action (B, A) out.

    `notes` (free text by name) go into its metadata, with the shapes.
    """
    graph, shapes = _Graph(), net.shapes
    features = _encoder(graph, net, "pixels")
    state = graph.add("Concat", _trunk(graph, net.actor.trunk, features), "proprio", axis=1)
    graph.nodes.append(helper.make_node("Tanh", [_head(graph, net.actor.head, state)], ["action"]))
    inputs = [
        helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["B", *shapes.pixels]),
        helper.make_tensor_value_info("proprio", TensorProto.FLOAT, ["B", shapes.proprio]),
    ]
    outputs = [helper.make_tensor_value_info("action", TensorProto.FLOAT, ["B", shapes.action])]
    made = helper.make_graph(graph.nodes, "policy", inputs, outputs, graph.weights)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    helper.set_model_props(model, notes | {"shapes": msgspec.json.encode(shapes).decode()})
    onnx.checker.check_model(model, full_check=True)
    data: bytes = model.SerializeToString()
    return data


def _encoder(graph: _Graph, net: PolicyNet, pixels: str) -> str:
    x = graph.add("Sub", graph.add("Cast", pixels, to=TensorProto.FLOAT), graph.weight(127.5))
    x = graph.add("Div", x, graph.weight(255.0))
    for layer, stride in zip(net.encoder.layers, net.encoder.strides, strict=True):
        assert isinstance(layer, nn.Conv2d) and layer.bias is not None
        x = graph.add("Conv", x, graph.weight(layer.weight), graph.weight(layer.bias), strides=[stride, stride])
        x = graph.add("Relu", x)
    return graph.add("Flatten", graph.add("Transpose", x, perm=[0, 2, 3, 1]), axis=1)


def _trunk(graph: _Graph, trunk: Trunk, features: str) -> str:
    return graph.add("Tanh", graph.norm(trunk.norm, graph.linear(trunk.linear, features)))


def _head(graph: _Graph, head: Head, x: str) -> str:
    for layer, norm in ((head.first, head.norm_first), (head.second, head.norm_second)):
        x = graph.add("Relu", graph.norm(norm, graph.linear(layer, x)))
    return graph.linear(head.last, x)
