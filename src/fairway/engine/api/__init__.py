"""HTTP in and out, by AWS's own service models."""
