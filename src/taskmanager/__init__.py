"""The Task Management System: the product that Fairway deploys, an API, a worker and their migrations."""
