"""The project file and AWS-native definitions, loaded into one frozen Project."""
