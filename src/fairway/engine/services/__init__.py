"""One folder for each AWS service that the engine plays."""
