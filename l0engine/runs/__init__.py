"""Where earlier versions had the store and sweeps; their home is `jobs`."""
