"""NeurIK: from virtual markers through time to joint angles, with a standard deviation on each."""
