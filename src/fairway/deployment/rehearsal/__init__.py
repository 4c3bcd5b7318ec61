"""A release played before it is done: pure acts and verdicts, a cast of stand-ins, and who plays them on a private engine."""
