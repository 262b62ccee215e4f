"""What ``tests.bench_decisions`` measures with: the load, the filling, and the peer."""
