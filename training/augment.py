"""Random shift: the augmentation that DrQ lives by, as an integer crop on uint8 images."""

import torch
from torch import Tensor


def random_shift(pixels: Tensor, pad: int, generator: torch.Generator) -> Tensor:
    """Each image (B, C, H, W) moved by whole pixels, up to `pad` either way, its border repeated."""
    _, _, height, width = pixels.shape
    offsets = torch.randint(0, 2 * pad + 1, (len(pixels), 2), generator=generator, device=pixels.device).tolist()
    padded = replicate_border(pixels, pad)
    return torch.stack([image[:, y : y + height, x : x + width] for image, (y, x) in zip(padded, offsets, strict=True)])


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
