"""What the searches for the largest eigenvalue share: a command line, a measurement and its report (see ../eigenvalue.ts)."""

import argparse
import json
import os
import resource
import time
from pathlib import Path


def arguments():
    """The command line. NumPy must not be imported before: its threads are settled then."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--mode", required=True)
    parser.add_argument("--problem", type=Path, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--starts", type=int)
    parser.add_argument("--setting", type=float)
    parser.add_argument("--truth", type=float)
    parser.add_argument("--tolerance", type=float)
    parser.add_argument("--kept", type=Path)
    options = parser.parse_args()
    for library in ("OMP", "OPENBLAS", "MKL"):
        os.environ[f"{library}_NUM_THREADS"] = str(options.threads)
    return options


def answer(options, prepare, attempts):
    """
    With --setting: reads and searches once. `prepare()` reads the problem and returns a function of a setting that returns the
    eigenvalue and the number of products. Else, with --truth: for so many starts, up to one that misses, the first of `attempts()`,
    each a setting and its value, that is within the tolerance of the truth; without a setting the last value, if none is.
    """
    if options.setting is None:
        settings = []
        for options.seed in range(options.starts):
            settings.append(first_within(options, attempts()))
            if settings[-1]["setting"] is None:
                break
        print(json.dumps({"settings": settings}))
        return
    began, cpu_began = time.perf_counter(), time.process_time()
    search = prepare()
    setup = time.perf_counter() - began
    value, products = search(options.setting)
    print(
        json.dumps(
            {
                "value": float(value),
                "products": products,
                "milliseconds": 1000 * (time.perf_counter() - began),
                "setupMilliseconds": 1000 * setup,
                "cpuMilliseconds": 1000 * (time.process_time() - cpu_began),
                "peakMegabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6,
            }
        )
    )


def first_within(options, attempts):
    for setting, value in attempts:
        if abs(value - options.truth) <= options.tolerance * abs(options.truth):
            return {"setting": setting, "value": float(value)}
    return {"setting": None, "value": float(value)}


def after_each(values, most):
    """The attempts of a search whose setting is its number of products, from the values that it has after each of them."""
    return zip(range(1, most + 1), values)


def last(values, products):
    """The value after so many products, and their number: fewer if the search ends by itself."""
    for count, value in zip(range(1, products + 1), values):
        found = value, count
    return found
