"""API tokens: what programs call the API with, in the name of a user, for as long and as much as the user says."""
