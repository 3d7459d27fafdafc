"""Trains the model of the engine `blocks` from pages whose main text is known."""
