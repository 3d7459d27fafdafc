"""Dedup: merge duplicates into the best of them.

spark-submit jobs/dedup.py RECIPE --in DIR --out DIR [--set key=value ...]
"""

from curation.cli.run import submit

if __name__ == "__main__":
    submit(__doc__, "dedup")
