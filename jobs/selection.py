"""Selection: keep the best share of the documents by their scores.

spark-submit jobs/selection.py RECIPE --in DIR --out DIR [--set key=value ...]
"""

from curation.spark.job import main

if __name__ == "__main__":
    main(["select"], __doc__)
