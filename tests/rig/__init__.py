"""What the tests of reliability are made with: kills, faults, small disks, power cuts, and a judge of environments."""
