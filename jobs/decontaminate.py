"""Decontaminate: find documents that hold items of evaluation sets.

spark-submit jobs/decontaminate.py RECIPE --in DIR --out DIR [--set key=value ...]
"""

from curation.spark.job import main

if __name__ == "__main__":
    main(["decontaminate"], __doc__)
