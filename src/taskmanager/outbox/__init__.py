"""Jobs that were decided with a change, and go to the queue after it: none is lost while the queue is away."""
