"""Extract: bytes to documents.

spark-submit jobs/extract.py RECIPE --in DIR --out DIR [--set key=value ...]
"""

from curation.spark.job import main

if __name__ == "__main__":
    main(__doc__, "extract")
