"""Sites: at most so many documents of a site, of those that dedup kept.

spark-submit jobs/sites.py RECIPE --in DIR --out DIR [--set key=value ...]
"""

from curation.spark.job import main

if __name__ == "__main__":
    main(["sites"], __doc__)
