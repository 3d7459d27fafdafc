"""PySpark's daemon, which forks the Python workers, with what each of them would import by itself.

Over the few rows of a test a worker imports for longer than it works. Named in `spark.python.daemon.module`.
"""

import gc
import sys

from pyspark.daemon import manager

if __name__ == "__main__":
    if sys.argv[1:] == ["pyspark.worker"]:
        import pyspark.worker  # noqa: F401

        import curation.spark.run  # noqa: F401

        gc.collect()
        gc.freeze()  # else a collection in a worker copies the pages that it shares with the daemon
    manager()
