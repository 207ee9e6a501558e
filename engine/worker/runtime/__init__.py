"""What a worker's process is made of: its pipe, its threads, its device, what its exceptions mean."""
