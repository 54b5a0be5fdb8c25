"""A real server in a process of its own, many clients over real WebSockets in another."""
