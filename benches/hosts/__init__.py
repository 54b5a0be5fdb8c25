"""Several processes that share a room through Redis, measured."""
