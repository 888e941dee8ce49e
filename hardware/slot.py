"""A slot in shared memory: one process writes what is newest, others read it whole, and nobody waits for anybody."""

import mmap
import os
import struct
import zlib

HEAD = struct.Struct("<QI")  # how often it was written; checksum of what follows
TRIES = 1000


class Slot:
    """`size` bytes, of which a reader gets a state that the writer left, never half of one.

    The file descriptor `fd` may be inherited by, or sent to, another process, which makes a Slot of its own from it.
    """

    def __init__(self, size: int, fd: int | None = None):
        self.size = size
        self.fd = os.memfd_create("slot") if fd is None else fd
        if fd is None:
            os.ftruncate(self.fd, HEAD.size + size)
        self._memory = mmap.mmap(self.fd, HEAD.size + size)
        self._count = HEAD.unpack_from(self._memory)[0]

    def write(self, data: bytes) -> None:
        """Make `data` the newest. For one process alone. Raises ValueError for another size."""
        if len(data) != self.size:
            raise ValueError(f"this slot holds {self.size} bytes, got {len(data)}")
        self._count += 1
        self._memory[HEAD.size :] = data
        HEAD.pack_into(self._memory, 0, self._count, zlib.crc32(data, self._count & 0xFFFFFFFF))

    def read(self) -> tuple[int, bytes]:
        """How often it was written, and what was written last; (0, zeros) before the first time.

        Raises:
            RuntimeError: it is written faster than it can be read, or its writer died half-way.
        """
        for _ in range(TRIES):
            count, check = HEAD.unpack_from(self._memory)
            if not count:
                return 0, bytes(self.size)
            data = self._memory[HEAD.size :]
            if zlib.crc32(data, count & 0xFFFFFFFF) == check:
                return count, data
        raise RuntimeError("the slot is never whole; did its writer die?")

    def close(self) -> None:
        self._memory.close()
        os.close(self.fd)
