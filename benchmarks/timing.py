"""Timing of calls and output of the results. Requires only the standard library, so peers can use it."""

import json
import resource
import statistics
import time


def timed(function, steps):
    """Wall-clock and CPU seconds of each of `steps` calls, and the peak memory of this process so far in GB, as a dict.

    Two warm-up calls are not counted. CPU time is more meaningful while other programs run.
    """
    seconds, processor = [], []
    for _ in range(steps + 2):
        start, used = time.perf_counter(), time.process_time()
        function()
        seconds.append(time.perf_counter() - start)
        processor.append(time.process_time() - used)
    peak_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {"seconds": seconds[2:], "processor_seconds": processor[2:], "peak_gb": peak_gb}


def report(library, what, times, **extra):
    """Print one line of JSON: the result of `timed` with medians, and the extra values."""
    seconds, processor = times["seconds"], times["processor_seconds"]
    print(
        json.dumps(
            {
                "library": library,
                "what": what,
                **extra,
                "seconds": [round(s, 4) for s in seconds],
                "median_s": round(statistics.median(seconds), 4),
                "processor_seconds": [round(s, 4) for s in processor],
                "processor_median_s": round(statistics.median(processor), 4),
                "peak_gb": round(times["peak_gb"], 2),
            }
        )
    )
