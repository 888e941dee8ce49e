"""From a sensor's picture to a policy's, the same for a simulated camera and a real one."""

import cv2
import numpy as np


def policy_picture(sensor: np.ndarray, px: int) -> np.ndarray:
    """The centre square of a sensor picture (H, W, 3), averaged down to (px, px, 3): what a camera driver does."""
    height, width = sensor.shape[:2]
    left = (width - height) // 2
    return cv2.resize(sensor[:, left : left + height], (px, px), interpolation=cv2.INTER_AREA)


def squeezed(rgb: np.ndarray, quality: int = 90) -> bytes:
    """(H, W, 3) as JPEG, for a wire."""
    done, data = cv2.imencode(".jpg", rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert done
    return data.tobytes()


def unsqueezed(data: bytes, height: int, width: int) -> np.ndarray:
    """The picture (H, W, 3) in a JPEG. Raises ValueError where there is none of that size."""
    bgr = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if bgr is None or bgr.shape != (height, width, 3):
        raise ValueError(f"expected a JPEG of {height}x{width}, got {len(data)} bytes of something else")
    return bgr[..., ::-1].copy()
