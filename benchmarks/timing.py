"""How times are taken and reported. No library but Python's own, so that a peer can use it, too."""

import json
import resource
import statistics
import time


def timed(function, steps):
    """Seconds of each of `steps` calls after two that are not counted, by the clock and of the processor, and the most
    memory in GB that this process has held until then: a dict.

    The processor's seconds say more where other programs run beside.
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
    """Print one line of JSON: what `timed` returned, with medians, and whatever else is given."""
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
