"""From crawled pages to sharded training data, declared in one recipe.

A page meets these packages in order: `pages` (bytes to records), `extract` (records to text), `signals` and
`filters` (measure, judge, edit), `dedup`, `shards`. `recipe` is what the user declares, `accounting` what
became of every record, `look` how people see it, `spark` the thin shell that runs it on a cluster.
"""

__version__ = "0.2.0"
