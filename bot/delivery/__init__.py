"""One task for each job, from the queue to its pictures, wherever they can be shown; and what the owner is told."""
