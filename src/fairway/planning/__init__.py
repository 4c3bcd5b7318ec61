"""What a release would change, what that restarts and costs. Pure: (rendered release, what lives) -> Plan."""
