"""Modules and their Adam optimisers as one flat dictionary of tensors, and back."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.optim import Adam

AVERAGES = ("exp_avg", "exp_avg_sq")


def take(modules: dict[str, nn.Module], optimisers: dict[str, Adam]) -> dict[str, Tensor]:
    """Copies, contiguous and on the CPU, of all weights and moments, by dotted name."""
    found = {f"{name}.{key}": value for name, module in modules.items() for key, value in module.state_dict().items()}
    for prefix, optimiser, parameter in parameters(optimisers):
        found |= {f"{prefix}.{key}": value for key, value in optimiser.state.get(parameter, {}).items()}
    return {name: value.cpu().clone(memory_format=torch.contiguous_format) for name, value in found.items()}


def put_back(state: dict[str, Tensor], modules: dict[str, nn.Module], optimisers: dict[str, Adam]) -> None:
    """Undo `take`. Raises RuntimeError or KeyError where `state` is of other modules or sizes."""
    for name, module in modules.items():
        module.load_state_dict(below(state, f"{name}."))
    for prefix, optimiser, parameter in parameters(optimisers):
        optimiser.state.pop(parameter, None)
        if moments := below(state, f"{prefix}."):
            # Fused Adam walks raw memory: moments must lie as their parameter does.
            laid_out = {key: torch.empty_like(parameter).copy_(moments[key]) for key in AVERAGES}
            optimiser.state[parameter] = {"step": moments["step"].to(parameter.device)} | laid_out


def parameters(optimisers: dict[str, Adam]) -> Iterator[tuple[str, Adam, Tensor]]:
    """Each parameter with its optimiser and the name its moments are kept under."""
    for name, optimiser in optimisers.items():
        for i, parameter in enumerate(optimiser.param_groups[0]["params"]):
            yield f"adam.{name}.{i}", optimiser, parameter


def below(state: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The part of `state` whose names start with `prefix`, under the rest of those names."""
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
