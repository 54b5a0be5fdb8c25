"""Several processes, several hosts: a multi-view shared through Redis or Valkey.

Needs the extra `redis`: `pip install change-buffers[redis]`.
"""

from change_buffers.redis.errors import RedisRefusedError, RedisUnavailableError
from change_buffers.redis.multi_view import RedisMultiView
from change_buffers.redis.publisher import RedisPublisher
from change_buffers.redis.stats import RedisStats

__all__ = [
    "RedisMultiView",
    "RedisPublisher",
    "RedisRefusedError",
    "RedisStats",
    "RedisUnavailableError",
]
