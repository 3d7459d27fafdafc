"""Run: every stage of a recipe that is out of date, or only some.

spark-submit jobs/run.py RECIPE --out DIR [--only STAGE ...] [--in DIR] [--set key=value ...]
"""

from curation.cli.run import submit

if __name__ == "__main__":
    submit(__doc__)
