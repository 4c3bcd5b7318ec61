"""What runs containers: processes of this machine, or a model of them."""
