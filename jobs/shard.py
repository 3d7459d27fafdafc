"""Shard: tokens, rows and MDS shards.

spark-submit jobs/shard.py RECIPE --in DIR --out DIR [--set key=value ...]
"""

from curation.cli.run import submit

if __name__ == "__main__":
    submit(__doc__, "shard")
