"""A slot in shared memory: one process writes what is newest, others read it whole, and nobody waits for anybody."""

import mmap
import os
import struct
import zlib

HEAD = struct.Struct("<QI")  # which writing this was, from 1; checksum of what follows
TRIES = 1000


class Slot:
    """`size` bytes, of which a reader gets a state that the writer left, never half of one.

    The file descriptor `fd` may be inherited by, or sent to, another process, which makes a Slot of its own from it.
    """

    def __init__(self, size: int, fd: int | None = None):
        self.size = size
        self.fd = os.memfd_create("slot") if fd is None else fd
        stride = HEAD.size + size
        if fd is None:
            os.ftruncate(self.fd, 2 * stride)
        self._memory = mmap.mmap(self.fd, 2 * stride)
        self._sides = (0, stride)  # written in turn, so that one is whole while the other is being written
        self._count = self.read()[0]

    def write(self, data: bytes) -> None:
        """Make `data` the newest. For one process alone. Raises ValueError for another size."""
        if len(data) != self.size:
            raise ValueError(f"this slot holds {self.size} bytes, got {len(data)}")
        self._count += 1
        side = self._sides[self._count % 2]
        self._memory[side + HEAD.size : side + HEAD.size + self.size] = data
        self._memory[side : side + HEAD.size] = HEAD.pack(self._count, _check(self._count, data))

    def read(self) -> tuple[int, bytes]:
        """How often it was written, and what was written last; (0, zeros) before the first time.

        Raises:
            RuntimeError: it is written faster than it can be read.
        """
        for _ in range(TRIES):
            heads = [(*HEAD.unpack_from(self._memory, side), side) for side in self._sides]
            if not any(count for count, _, _ in heads):
                return 0, bytes(self.size)
            for count, check, side in sorted(heads, reverse=True):
                data = self._memory[side + HEAD.size : side + HEAD.size + self.size]
                if _check(count, data) == check:
                    return count, data
        raise RuntimeError("the slot is written faster than it can be read")

    def close(self) -> None:
        self._memory.close()
        os.close(self.fd)
        self.fd = -1


class Pulse:
    """For how long a count has stood still, at least, told by somebody who may have to wait between any two lines."""

    def __init__(self, now_s: float):
        self._count, self._seen_s = 0, now_s

    def quiet_s(self, count: int, before_s: float, after_s: float) -> float:
        """`count` was read between these two moments."""
        if count != self._count:
            self._count, self._seen_s = count, after_s
        return max(0.0, before_s - self._seen_s)


def _check(count: int, data: bytes) -> int:
    """Also over the count, for its bytes are not written at once either."""
    return zlib.crc32(data, zlib.crc32(count.to_bytes(8, "little")))
