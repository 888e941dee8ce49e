"""From a sensor's picture to a policy's, the same for a simulated camera and a real one."""

import cv2
import numpy as np


def policy_picture(sensor: np.ndarray, px: int) -> np.ndarray:
    """The centre square of a sensor picture (H, W, 3), averaged down to (px, px, 3): what a camera driver does."""
    height, width = sensor.shape[:2]
    left = (width - height) // 2
    return cv2.resize(sensor[:, left : left + height], (px, px), interpolation=cv2.INTER_AREA)
