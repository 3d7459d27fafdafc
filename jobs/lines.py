"""Lines: take lines out that many documents, or most pages of a site, have in common.

spark-submit jobs/lines.py RECIPE --in DIR --out DIR [--set key=value ...]
"""

from curation.spark.job import main

if __name__ == "__main__":
    main(["lines"], __doc__)
