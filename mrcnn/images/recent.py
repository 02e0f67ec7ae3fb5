"""`Recent`: what was decoded last, up to a number of bytes."""

import collections
import threading


class Recent:
    """Remembers the most recently used values; safe for threads.

    Parameters
    ----------
    limit : int
        Bytes. What is larger by itself is not kept.

    Attributes
    ----------
    size : int
        Bytes at present.
    """

    def __init__(self, limit):
        self.limit, self.size, self.entries, self.lock = limit, 0, collections.OrderedDict(), threading.Lock()

    def get(self, key):
        """The value, or None where it is not, or no longer, known."""
        with self.lock:
            if key not in self.entries:
                return None
            self.entries.move_to_end(key)
            return self.entries[key][0]

    def put(self, key, value, size):
        """Remember a value of `size` bytes, unless its key is known; those not used for the longest time make room."""
        with self.lock:
            if key in self.entries or size > self.limit:
                return
            self.entries[key] = value, size
            self.size += size
            while self.size > self.limit:
                self.size -= self.entries.popitem(last=False)[1][1]

    def __getstate__(self):  # a worker process starts with nothing remembered, and with a lock of its own
        return {"limit": self.limit}

    def __setstate__(self, state):
        self.__init__(state["limit"])
