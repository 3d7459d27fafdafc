"""What became of every record: ledgers, manifests, fingerprints and hash-samples."""
