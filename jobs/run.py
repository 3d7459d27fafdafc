"""Run: every stage of a recipe that is out of date.

spark-submit jobs/run.py RECIPE --out DIR [--set key=value ...]
"""

from curation.spark.job import STAGES, main

if __name__ == "__main__":
    main(STAGES, __doc__)
