"""What `make run` does: the embedded services, the steps before the first request, and the process manager.

Only POSIX systems; nothing here imports Django's settings before the environment is complete.
"""
