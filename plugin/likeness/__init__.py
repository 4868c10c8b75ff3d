"""What is copied into GIMP: the standard library and gi only, nothing of ours from outside this folder."""
