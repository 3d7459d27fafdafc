"""Conversations to shards with a loss mask: `python -m training.chat`."""
