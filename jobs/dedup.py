"""Dedup: merge duplicates into the best of them.

spark-submit jobs/dedup.py RECIPE --in DIR --out DIR [--set key=value ...]
"""

from curation.spark.job import main

if __name__ == "__main__":
    main(__doc__, "dedup")
