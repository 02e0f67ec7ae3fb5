import pickle
import threading

from hypothesis import given
from hypothesis import strategies as st

from mrcnn.images.recent import Recent


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 60)), max_size=40), st.integers(0, 100))
def test_the_last_used_are_kept_within_the_limit(puts, limit):
    recent, expected = Recent(limit), []  # (key, size), the last used at the end
    for key, size in puts:
        known = [entry for entry in expected if entry[0] == key]
        assert recent.get(key) == (f"value {key}" if known else None)
        expected = [entry for entry in expected if entry[0] != key] + known
        if not known and size <= limit:
            expected.append((key, size))
            while sum(s for _, s in expected) > limit:
                expected.pop(0)
        recent.put(key, f"value {key}", size)
        assert list(recent.entries) == [k for k, _ in expected]
        assert recent.size == sum(s for _, s in expected) <= limit


def test_a_copy_in_another_process_begins_empty():
    recent = Recent(10)
    recent.put("a", 1, 5)
    copy = pickle.loads(pickle.dumps(recent))
    assert (copy.limit, copy.size, copy.get("a")) == (10, 0, None)


def test_threads_share_it():
    recent = Recent(500)

    def use(seed):
        for i in range(400):
            key = (seed * 7 + i) % 23
            assert recent.get(key) in (None, key)
            recent.put(key, key, 40)

    threads = [threading.Thread(target=use, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert recent.size == sum(size for _, size in recent.entries.values()) <= 500
