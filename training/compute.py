"""What this machine computes fastest in: a number type, and a layout of images in memory."""

import time
from typing import Literal

import torch

from policies.actor import PolicyNet

Precision = Literal["auto", "float32", "bfloat16"]
Layout = Literal["auto", "contiguous", "channels_last"]
LAYOUTS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}


def compute_dtype(precision: Precision, device: torch.device) -> torch.dtype:
    """The type convolutions and trunks run in; auto is bfloat16 where the hardware multiplies in it."""
    if precision == "auto":
        fast = torch.cuda.is_bf16_supported(False) if device.type == "cuda" else cpu_has_bfloat16()
        precision = "bfloat16" if fast else "float32"
    return {"bfloat16": torch.bfloat16, "float32": torch.float32}[precision]


def cpu_has_bfloat16() -> bool:
    """Whether this CPU multiplies in bfloat16."""
    found = torch.cpu.get_capabilities()
    return bool(found.get("avx512_bf16") or found.get("amx_bf16"))


def faster_layout(net: PolicyNet, dtype: torch.dtype, images: int = 32, rounds: int = 3) -> str:
    """The layout in which the encoder runs forward and back faster; channels_last unless it is clearly slower."""
    seconds: dict[str, list[float]] = {name: [] for name in LAYOUTS}
    for name in list(LAYOUTS) * (rounds + 1):
        seconds[name].append(encoder_seconds(net, dtype, LAYOUTS[name], images))
    contiguous, channels_last = (min(times[1:]) for times in seconds.values())
    return "contiguous" if contiguous < 0.9 * channels_last else "channels_last"


def encoder_seconds(net: PolicyNet, dtype: torch.dtype, layout: torch.memory_format, images: int) -> float:
    """Wall time of one pass forward and back over blank images; leaves the network in `layout`."""
    net.to(memory_format=layout)  # type: ignore[call-overload]
    device = next(net.parameters()).device
    pixels = torch.zeros(images, *net.shapes.pixels, dtype=torch.uint8, device=device).contiguous(memory_format=layout)
    started = time.perf_counter()
    net.encoder(pixels, dtype).float().sum().backward()
    torch.stack([p.grad.sum() for p in net.encoder.parameters() if p.grad is not None]).tolist()  # waits for a GPU
    net.zero_grad()
    return time.perf_counter() - started
