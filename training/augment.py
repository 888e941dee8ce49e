"""Random shifts, the augmentation that DrQ lives by, as an integer crop on uint8 images; and random light."""

import torch
from torch import Tensor

MIDDLE = 127.5
TINT = 0.5  # of what all channels change together, what each changes by itself
DIMMER = 0.5  # of the contrast's change, that of the brightness


def random_shift(pixels: Tensor, pad: int, generator: torch.Generator) -> Tensor:
    """Each image (B, C, H, W) moved by whole pixels, up to `pad` either way, its border repeated."""
    _, _, height, width = pixels.shape
    offsets = torch.randint(0, 2 * pad + 1, (len(pixels), 2), generator=generator, device=pixels.device).tolist()
    padded = replicate_border(pixels, pad)
    return torch.stack([image[:, y : y + height, x : x + width] for image, (y, x) in zip(padded, offsets, strict=True)])


def random_light(pixels: Tensor, amount: float, generator: torch.Generator) -> Tensor:
    """Each image (B, C, H, W) in another contrast, brightness and tint: up to `amount` of what there is, either way."""

    def drawn(channels: int) -> Tensor:
        uniform = torch.rand((len(pixels), channels, 1, 1), generator=generator, device=pixels.device)
        return amount * (2 * uniform - 1)

    channels = pixels.shape[1]
    gain = 1 + drawn(1) + TINT * drawn(channels)
    offset = MIDDLE * (DIMMER * drawn(1) + DIMMER * TINT * drawn(channels))
    return ((pixels - MIDDLE) * gain + (MIDDLE + offset)).clamp_(0, 255).to(torch.uint8)


def replicate_border(pixels: Tensor, pad: int) -> Tensor:
    """`pixels` (B, C, H, W) with the border repeated `pad` times on every side; torch's own has no uint8 on CUDA."""
    count, channels, height, width = pixels.shape
    padded = pixels.new_empty(count, channels, height + 2 * pad, width + 2 * pad)
    columns = slice(pad, pad + width)
    padded[:, :, pad : pad + height, columns] = pixels
    padded[:, :, :pad, columns], padded[:, :, pad + height :, columns] = pixels[:, :, :1], pixels[:, :, -1:]
    padded[..., :pad] = padded[..., pad : pad + 1]
    padded[..., pad + width :] = padded[..., pad + width - 1 : pad + width]
    return padded
