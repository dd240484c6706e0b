"""Mirage on millions of molecules: shards on disk, trees counted shard by shard, a model fitted by passes over them."""
