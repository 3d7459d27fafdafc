"""Extract: bytes to documents.

spark-submit jobs/extract.py RECIPE --in DIR --out DIR [--set key=value ...]
"""

from curation.cli.run import submit

if __name__ == "__main__":
    submit(__doc__, "extract")
