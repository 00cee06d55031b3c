"""What can be wrong with a project and the machine it is on, judged from values: nothing is read or run here."""
