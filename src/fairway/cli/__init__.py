"""One file per verb: parse, call the library, print text or JSON, map errors to exit codes."""
