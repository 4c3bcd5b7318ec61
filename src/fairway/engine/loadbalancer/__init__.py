"""The data plane: what carries requests from a listener to a target."""
