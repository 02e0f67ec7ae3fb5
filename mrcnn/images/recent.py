"""`Recent`: a thread-safe cache of recently decoded data, limited in bytes."""

import collections
import threading


class Recent:
    """Cache of the most recently used values; thread-safe.

    Parameters
    ----------
    limit : int
        In bytes. A single value larger than this is not kept.

    Attributes
    ----------
    size : int
        Bytes currently held.
    """

    def __init__(self, limit):
        self.limit, self.size, self.entries, self.lock = limit, 0, collections.OrderedDict(), threading.Lock()

    def get(self, key):
        """The cached value, or None."""
        with self.lock:
            if key not in self.entries:
                return None
            self.entries.move_to_end(key)
            return self.entries[key][0]

    def put(self, key, value, size):
        """Store a value of `size` bytes, unless its key is known; the least recently used values make room."""
        with self.lock:
            if key in self.entries or size > self.limit:
                return
            self.entries[key] = value, size
            self.size += size
            while self.size > self.limit:
                self.size -= self.entries.popitem(last=False)[1][1]

    def __getstate__(self):  # a worker process starts with an empty cache and its own lock
        return {"limit": self.limit}

    def __setstate__(self, state):
        self.__init__(state["limit"])
