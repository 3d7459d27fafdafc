"""Run: every stage of a recipe that is out of date, or only some.

spark-submit jobs/run.py RECIPE --out DIR [--only STAGE ...] [--in DIR] [--set key=value ...]
"""

from curation.spark.job import main

if __name__ == "__main__":
    main(__doc__)
