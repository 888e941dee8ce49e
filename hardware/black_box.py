"""The twin's own record of what its arm did, whoever drove it: 250 rows a second, 110 MB an hour.

Nothing but the plant and the servos' memory goes in, so it bears witness against drivers, gateways and policies alike.
"""

from pathlib import Path

import numpy as np

from control.errors import UserError
from control.types import JOINTS

MAGIC = b"twinarm black box 1\n"
J = len(JOINTS)
ROW_S = 0.004
ROW = np.dtype(
    [
        ("stamp_s", "f8"),  # of the monotonic clock
        ("joints_rad", "f4", J),
        ("speed_rad_s", "f4", J),
        ("goal_rad", "f4", J),
        ("duty", "f4", J),  # of the full torque, in [-1, 1]
        ("on", "u1", J),  # torque
        ("cube_m", "f4", 3),
        ("mishaps", "u1"),  # how many are happening
    ]
)


class BlackBox:
    """Writes rows until closed. Raises UserError where the file exists: no record is ever overwritten."""

    def __init__(self, path: Path):
        try:
            self._file = path.open("xb", buffering=0)
        except FileExistsError:
            raise UserError(f"{path} holds a record already; give --log another name") from None
        except OSError as error:
            raise UserError(f"{path} cannot be written: {error.strerror}") from None
        self._file.write(MAGIC)
        self._row = np.zeros((), ROW)

    def write(self, **values: object) -> None:
        """One row, by the names of ROW."""
        for name, value in values.items():
            self._row[name] = value
        self._file.write(self._row.tobytes())

    def close(self) -> None:
        self._file.close()


def read(path: Path) -> np.ndarray:
    """(rows,) of ROW; a row that was being written when the power went is left out. Raises UserError."""
    if not path.is_file():
        raise UserError(f"no record at {path}; twinarm twin --log {path} makes one")
    with path.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise UserError(f"{path} is no record of a twin's; twinarm twin --log makes one")
        rows = file.read()  # to which more may be added by now
        return np.frombuffer(rows, ROW, len(rows) // ROW.itemsize)
