"""Shard: tokens, rows and MDS shards.

spark-submit jobs/shard.py RECIPE --in DIR --out DIR [--set key=value ...]
"""

from curation.spark.job import main

if __name__ == "__main__":
    main(__doc__, "shard")
