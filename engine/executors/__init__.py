"""Ways to run a worker: `process` for real, `fake` for tests; both behind `port.Executor`."""
