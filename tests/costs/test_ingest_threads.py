"""The first requests of a fresh process come in many threads at once."""

import subprocess
import sys

FIRST_USE = """
import sys, threading
import django
sys.setswitchinterval(1e-6)
django.setup()
import msgspec
from apps.costs.services.ingest.reading import Known

raw = {"provider": "a", "model": "b", "input_tokens": 1, "output_tokens": 2, "tags": {"a": "b"}}
barrier = threading.Barrier(8)

def read():
    barrier.wait()
    for _ in range(50):
        msgspec.convert(raw, Known)

threads = [threading.Thread(target=read) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print("read")
"""


def test_the_first_use_of_a_record_in_many_threads_does_not_crash() -> None:
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-c", FIRST_USE], capture_output=True, text=True, timeout=60, check=False
        )
        assert (done.returncode, done.stdout) == (0, "read\n"), done.stderr
