"""Files of loans, and what reading them takes; shared by the tests of reading."""

import subprocess
import sys

import numpy as np
import pandas as pd

PEAK = """
import re, sys
from descend.data.sources import load

def held(what):
    # not getrusage: its maximum is inherited from the process that started this one
    return int(re.search(what + r":\\s+(\\d+) kB", open("/proc/self/status").read())[1]) * 1024

load(sys.argv[2])
before = held("VmRSS")
frame = load(sys.argv[1]).frame
print(held("VmHWM") - before, frame.memory_usage(deep=True).sum(), *frame.shape)
"""


def peak_of(path, small):
    """Bytes that reading took at most, and those of the frame, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", PEAK, str(path), str(small)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    peak, size, rows, columns = map(int, done.stdout.split())
    return peak, size, (rows, columns)


def write_loans(path, rows):
    """Loans as a bank has them: numbers, words, a date, what is missing."""
    rng = np.random.default_rng(0)
    with open(path, "w") as file:
        file.write("id,amount,rate,income,age,region,purpose,opened,default,score\n")
        for begin in range(0, rows, 100_000):
            n = min(100_000, rows - begin)
            frame = pd.DataFrame(
                {
                    "id": np.arange(begin, begin + n),
                    "amount": rng.integers(500, 50_000, n),
                    "rate": rng.uniform(1, 20, n).round(2),
                    "income": np.where(
                        rng.random(n) < 0.1, np.nan, rng.normal(4e4, 1e4, n).round()
                    ),
                    "age": rng.integers(18, 90, n),
                    "region": rng.choice(["north", "south", "east", "west"], n),
                    "purpose": rng.choice(["house", "car", "school", "other things"], n),
                    "opened": pd.Timestamp("2015-01-01")
                    + pd.to_timedelta(rng.integers(0, 3000, n), unit="D"),
                    "default": rng.integers(0, 2, n),
                    "score": rng.normal(600, 50, n).round(3),
                }
            )
            frame.to_csv(file, index=False, header=False)
