"""The project file and the AWS-native definitions beside it."""
