"""The Task Management System: the workload that Fairway deploys."""
