"""The parts of the cluster view: each follows one sort of objects, and says what is wrong with them."""
