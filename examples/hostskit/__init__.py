"""The parts of `hosts.py`: a Redis, servers in processes of their own, and clients."""
