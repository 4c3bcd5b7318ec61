"""Where numbers of a service come from: behind one small protocol, whichever the source."""
