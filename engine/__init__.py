"""The drawing engine: queues requests on workers and lets only reviewed pictures out. Knows no Discord and no SQL."""
