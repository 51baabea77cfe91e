"""The parts that the checks share."""
